//! Names of variables that lead programs elsewhere, by families: what they decide, and how they look.
//!
//! A program does not ask who set them: a loader loads, git asks, a client trusts and calls whatever
//! they say. A `*` stands for any part of a name; capitals do not matter, since many programs read
//! both. The surprise: some families are given as a whole, and credentials are kept out of them by how
//! they end, because files for `exec-env` are full of those (`DOCKER_PASSWORD`, `GIT_TOKEN`).

/// Names with one purpose.
struct Family {
    /// What they decide, as it stands in a message.
    decides: &'static str,
    /// Parted by blanks.
    names: &'static str,
}

/// Names that end so hold a credential, in a family that is given as a whole.
const CREDENTIALS: &[&str] = &[
    "_TOKEN",
    "_PASSWORD",
    "_PASS",
    "_SECRET",
    "_KEY",
    "_KEY_ID",
    "_USER",
    "_USERNAME",
    "_LOGIN",
];

const FAMILIES: &[Family] = &[
    Family {
        decides: "what the loader and the C library load",
        names: "\
            LD_* DYLD_* _RLD* LIBPATH SHLIB_PATH *_PRELOAD GLIBC_TUNABLES MALLOC_* GCONV_PATH \
            GETCONF_DIR LOCPATH NLSPATH TZDIR HOSTALIASES LOCALDOMAIN RES_OPTIONS RESOLV_* \
            *SAN_OPTIONS *_PLUGIN_PATH *_PLUGIN_DIR *_MODULE_PATH GTK_MODULES GTK_PATH \
            GIO_MODULE_DIR GIO_EXTRA_MODULES LIBGL_* QT_* TERMINFO* TERMCAP OCL_ICD_* VK_* \
            *_INJECTION64_PATH *_INJECTION32_PATH SASL_PATH SASL_CONF_PATH XLOCALEDIR",
    },
    Family {
        decides: "where programs look for themselves and for their settings",
        names: "\
            PATH HOME SHELL PWD OLDPWD TMP TEMP TMPDIR CDPATH MANPATH XDG_* APPDATA LOCALAPPDATA \
            PATHEXT COMSPEC *_CONFIG_FILE *_CONFIG_PATH *_CONFIG_DIR *_CONFIG_HOME *_CONF_DIR \
            *_RCFILE INPUTRC NETRC WGETRC SYSTEM_WGETRC ACKRC PSQLRC NANORC HGRCPATH",
    },
    Family {
        decides: "what a shell runs",
        names: "\
            IFS ENV BASH_* BASHOPTS SHELLOPTS PS0 PS1 PS2 PS3 PS4 PROMPT_COMMAND ZDOTDIR ZSHENV \
            FPATH FCEDIT HISTFILE EXECIGNORE GLOBIGNORE POSIXLY_CORRECT FISH_* KSH_* \
            PSMODULEPATH *_SHELL",
    },
    Family {
        decides: "what an interpreter or its runtime loads",
        names: "\
            PERL* PYTHON* VIRTUAL_ENV RUBY* GEM_* BUNDLE_* NODE_OPTIONS NODE_PATH \
            NODE_EXTRA_CA_CERTS NODE_TLS_* NODE_REPL_* NODE_V8_COVERAGE NODE_ICU_DATA \
            NODE_REDIRECT_WARNINGS NODE_USE_* NODE_COMPILE_CACHE ELECTRON_* DENO_* BUN_* \
            TS_NODE_* *JAVA_OPTIONS JAVA_* JDK_* JRE_* JVM_* CLASSPATH MAVEN_* GRADLE_* SBT_* \
            ANT_* CATALINA_* GROOVY_* SCALA_* *_OPTS DOTNET_* CORECLR_* COMPLUS_* COR_* MONO_* \
            ASPNETCORE_HOSTINGSTARTUPASSEMBLIES LUA_* LUAJIT_* PHPRC PHP_* R_PROFILE_USER R_ENVIRON_USER R_* JULIA_* ERL_* \
            ELIXIR_* TCLLIBPATH TCL_* TK_LIBRARY GUILE_* OCAML* CAML* GHC* GODEBUG GOTRACEBACK \
            GOCOVERDIR AWKPATH AWKLIBPATH LUAROCKS_* \
            IPYTHONDIR JUPYTER_* PLTCOLLECTS SPARK_HOME SPARK_CONF_DIR *_STARTUP_HOOKS *_INIT_SCRIPT",
    },
    Family {
        decides: "what is built, and from where it is fetched",
        names: "\
            GOFLAGS GOPATH GOROOT GOBIN GOENV GOPROXY GONOPROXY GOSUMDB GONOSUMDB GOPRIVATE \
            GOINSECURE GOTOOLCHAIN GOMODCACHE GOCACHE GOVCS GOAUTH CGO_* CARGO_* RUSTC* RUSTUP_* \
            RUSTFLAGS RUSTDOC* NPM_CONFIG_* YARN_* PNPM_* COREPACK_* PIP_* PIPX_* PIPENV_* UV_* \
            POETRY_* CONDA_* CONDARC MAMBARC PACKER_* NUGET_* COMPOSER_* HOMEBREW_* NIX_* APT_CONFIG DPKG_* MAKE \
            MAKEFLAGS MAKEFILES MFLAGS GNUMAKEFLAGS CC CXX CPP LD AR CFLAGS CXXFLAGS CPPFLAGS \
            LDFLAGS CPATH *_INCLUDE_PATH LIBRARY_PATH COMPILER_PATH GCC_EXEC_PREFIX PKG_CONFIG* \
            CMAKE_* CCACHE_* *_WRAPPER",
    },
    Family {
        decides: "what git and other version control run",
        names: "\
            GIT_* GH_HOST GH_CONFIG_DIR SVN_SSH BZR_SSH CVS_RSH HG HGPLAIN* GITLAB_HOST",
    },
    Family {
        decides: "what ssh, rsync and gpg run, and whom they trust",
        names: "\
            SSH_ASKPASS* SSH_AUTH_SOCK SSH_AGENT_* SSH_SK_* SSH_PKCS11_HELPER SSH_CONNECTION \
            RSYNC_* *_RSH GNUPGHOME GPG_* PINENTRY_* *ASKPASS *_ASKPASS_*",
    },
    Family {
        decides: "whom TLS trusts and what it writes down",
        names: "\
            SSL_CERT_FILE SSL_CERT_DIR SSLKEYLOGFILE *_KEYLOGFILE OPENSSL_* GNUTLS_* NSS_* \
            CURL_* *_CA_BUNDLE *_CA_CERTS *_CA_FILE *_CA_PATH *_CACERT *_CAPATH *_SSL_CERT_FILE \
            *_SSL_CERT_DIR *_INSECURE *_SKIP_VERIFY *_SSL_NO_VERIFY P11_KIT_* PKCS11_* \
            SOFTHSM2_CONF KRB5* *_SSL_ROOTS_FILE_PATH LDAPCONF LDAPRC LDAPTLS_* PGSSLROOTCERT PGSSLMODE PGSSLCRL*",
    },
    Family {
        decides: "through whom connections go",
        names: "\
            *_PROXY PROXY *_PROXY_* SOCKS_*",
    },
    Family {
        decides: "what clients of clusters, clouds and databases run, and whom they call",
        names: "\
            KUBECONFIG KUBE_* KUBECTL_* KUBERNETES_* HELM_* DOCKER_* BUILDKIT_* CONTAINER_* \
            PODMAN_* AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_PROFILE AWS_DEFAULT_PROFILE \
            AWS_DATA_PATH AWS_CLI_* AWS_CONTAINER_* AWS_EC2_METADATA_* AWS_ENDPOINT_URL* \
            AWS_IGNORE_* AWS_SDK_* AWS_WEB_IDENTITY_TOKEN_FILE AWS_CA_BUNDLE BOTO_CONFIG \
            CLOUDSDK_* GOOGLE_APPLICATION_CREDENTIALS GOOGLE_API_* GOOGLE_GHA_* GCE_METADATA_* \
            AZURE_CONFIG_DIR AZURE_AUTHORITY_HOST AZURE_EXTENSION_DIR IDENTITY_ENDPOINT \
            MSI_ENDPOINT TF_CLI_* TF_DATA_DIR TF_PLUGIN_* TF_REATTACH_PROVIDERS TF_LOG* \
            TF_REGISTRY_* TERRAFORM_CONFIG TERRAGRUNT_* PULUMI_* ANSIBLE_* VAULT_ADDR \
            VAULT_AGENT_ADDR VAULT_CONFIG_PATH VAULT_TLS_* CONSUL_HTTP_SSL* CONSUL_HTTP_ADDR NOMAD_ADDR PGOPTIONS SOPS_* CLSECRETS_* \
            AGE_* PGPASSFILE PGSERVICE* PGSYSCONFDIR MYSQL_HOME LIBMYSQL_* MYSQL_TEST_LOGIN_FILE \
            ODBCINI ODBCSYSINI ODBCINSTINI ORACLE_HOME TNS_ADMIN DBUS_* NOTIFY_SOCKET LISTEN_* \
            SYSTEMD_* DISPLAY WAYLAND_DISPLAY XAUTHORITY",
    },
    Family {
        decides: "what code servers and frameworks load",
        names: "\
            GUNICORN_CMD_ARGS UWSGI_* DJANGO_SETTINGS_MODULE FLASK_APP CELERY_CONFIG_MODULE \
            COVERAGE_PROCESS_START SPRING_CONFIG_* SPRING_APPLICATION_JSON LOG4J_* BABEL_* KREW_ROOT \
            LADSPA_PATH LV2_PATH LIBVA_DRIVERS_PATH __EGL_* FAKECHROOT_* SBCL_HOME",
    },
    Family {
        decides: "which editor, pager or other helper is started",
        names: "\
            EDITOR VISUAL *EDITOR *_EDIT TEXEDIT NNN_OPENER P4MERGE DEBUGGER PAGER *_PAGER *PAGER BROWSER *_BROWSER LESS* GREP_OPTIONS \
            TAR_OPTIONS GZIP BZIP2 XZ_DEFAULTS XZ_OPT ZIPOPT UNZIP VIM VIMRUNTIME VIMINIT \
            GVIMINIT MYVIMRC EXINIT NVIM* EMACS* TMUX* SCREENRC *_CMD *_EXEC *_COMMAND *PASSCOMMAND *_HELPER \
            *_HOOK *_HOOKS MAILCAPS CL_*_ENV STARSHIP_CONFIG",
    },
];

/// What a name decides, if programs heed it.
pub(super) fn decides(name: &str) -> Option<&'static str> {
    let name = name.to_uppercase();
    let is_credential = CREDENTIALS.iter().any(|ending| name.ends_with(ending));
    let is_of = |family: &&Family| {
        family.names.split(' ').any(|pattern| {
            let is_whole_family = pattern.ends_with('*');
            fits(pattern, &name) && !(is_whole_family && is_credential && !always(pattern))
        })
    };
    FAMILIES.iter().find(is_of).map(|family| family.decides)
}

/// Nothing in these families is anybody's credential.
fn always(pattern: &str) -> bool {
    [
        "LD_*",
        "DYLD_*",
        "BASH_*",
        "SSH_ASKPASS*",
        "SOPS_*",
        "CLSECRETS_*",
        "AGE_*",
    ]
    .contains(&pattern)
}

/// Whether a name is what a pattern says.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return name.ends_with(part);
        }
        let Some(at) = name.find(part) else {
            return false;
        };
        name = name.get(at + part.len()..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_every_family_is_known() {
        for pattern in FAMILIES.iter().flat_map(|family| family.names.split(' ')) {
            let name = pattern.replace('*', "X");
            assert!(decides(&name).is_some(), "{name}");
            assert!(decides(&name.to_lowercase()).is_some(), "{name}");
        }
    }

    #[test]
    fn names_that_lead_programs_elsewhere_are_known_and_ordinary_ones_are_free() {
        for name in
            "PATH LD_PRELOAD LD_AUDIT LD_LIBRARY_PATH BASH_ENV BASH_FUNC_ls%% ENV GIT_ASKPASS \
             GIT_SSH_COMMAND GIT_CONFIG_COUNT GIT_DIR GIT_TEMPLATE_DIR GIT_PAGER KUBECONFIG \
             AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_CA_BUNDLE AWS_ENDPOINT_URL_S3 \
             OPENSSL_CONF OPENSSL_MODULES SSL_CERT_FILE SSLKEYLOGFILE PERLLIB PERL5LIB PERL5OPT \
             PYTHONUSERBASE PYTHONPATH PYTHONSTARTUP RUBYOPT NODE_OPTIONS NODE_EXTRA_CA_CERTS \
             DOTNET_STARTUP_HOOKS CORECLR_PROFILER_PATH JAVA_TOOL_OPTIONS _JAVA_OPTIONS MAVEN_OPTS \
             HTTPS_PROXY https_proxy ALL_PROXY GOPROXY npm_config_registry PAGER MANPAGER EDITOR \
             VISUAL BROWSER SSH_ASKPASS SSH_AUTH_SOCK GNUPGHOME SUDO_ASKPASS HOME XDG_CONFIG_HOME \
             TMPDIR LESSOPEN DOCKER_HOST DOCKER_CONFIG HELM_PLUGINS TF_CLI_CONFIG_FILE \
             CLOUDSDK_CONFIG GOOGLE_APPLICATION_CREDENTIALS PGSERVICEFILE VAULT_ADDR CURL_HOME \
             REQUESTS_CA_BUNDLE CARGO_HOME RUSTC_WRAPPER SOPS_AGE_KEY_CMD SOPS_EDITOR \
             CL_MEDIAN_CMD CL_MEDIAN_ENV VIMINIT GCONV_PATH HOSTALIASES R_PROFILE_USER SASL_PATH \
             CUDA_INJECTION64_PATH GRPC_DEFAULT_SSL_ROOTS_FILE_PATH CONSUL_HTTP_ADDR CONDARC \
             PGOPTIONS VK_ICD_FILENAMES P4EDITOR HGEDITOR TEXEDIT BZR_SSH P4MERGE GUNICORN_CMD_ARGS \
             UWSGI_CONFIG DJANGO_SETTINGS_MODULE COVERAGE_PROCESS_START SPRING_CONFIG_LOCATION \
             LOG4J_CONFIGURATION_FILE __EGL_VENDOR_LIBRARY_FILENAMES SBCL_HOME"
                .split(' ')
        {
            assert!(decides(name).is_some(), "{name}");
        }
        for name in "PATHS DATABASE_URL OLD_X ENVIRONMENT TOKEN COUNT LINES PORT LOG_LEVEL NODE_ENV \
             CL_DATABASE_URL CL_PASSWORD_KEYSTORE CL_CONFIG AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY \
             AWS_SESSION_TOKEN AWS_REGION PGPASSWORD PGHOST PGUSER MYSQL_PWD GITHUB_TOKEN GIT_TOKEN \
             DOCKER_PASSWORD NPM_TOKEN TF_VAR_password VAULT_TOKEN ARM_CLIENT_SECRET \
             CARGO_REGISTRY_TOKEN SSH_PRIVATE_KEY HELM_REGISTRY_PASSWORD REDIS_URL RPC_URL API_KEY \
             KUBE_TOKEN SENTRY_DSN GOOGLE_CLIENT_ID"
            .split(' ')
        {
            assert_eq!(decides(name), None, "{name}");
        }
    }
}
