//! A kubeconfig means here what it means to `kubectl`, which is asked with the same files.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::kubernetes::Place;
use super::text;
use crate::servers::{
    LOGIN, MutualTls, Proxy, SOCKS_HOST, Socks, TLS_FRONT, TlsFront, closed_port,
};
use crate::support::{Run, peer};

/// What is given to both.
struct Case<'a> {
    what: &'a str,
    config: Value,
    vars: &'a [(&'a str, &'a str)],
    /// Whether it leads to the server; the word that our error has if not.
    expected: Result<(), &'a str>,
}

fn original(place: &Place) -> Value {
    serde_json::from_str(&place.namespace.admin().kubeconfig()).unwrap()
}

fn with(config: &Value, change: impl FnOnce(&mut Value, &mut Value)) -> Value {
    let mut config = config.clone();
    let mut cluster = config["clusters"][0]["cluster"].take();
    let mut user = config["users"][0]["user"].take();
    change(&mut cluster, &mut user);
    config["clusters"][0]["cluster"] = cluster;
    config["users"][0]["user"] = user;
    config
}

fn kubectl(place: &Place, vars: &[(&str, &str)]) -> Run {
    let namespace = place.namespace.name.as_str();
    let line = [
        "--context",
        "test",
        "-n",
        namespace,
        "get",
        "secrets",
        "--request-timeout=20s",
    ];
    let scene = &place.world.scene;
    let act = scene.other(peer("kubectl"), line);
    vars.iter()
        .fold(act, |act, (name, value)| act.env(name, *value))
        .run()
}

fn ours(place: &Place, vars: &[(&str, &str)]) -> Run {
    let act = place.world.scene.cmd(["sync", "--env", "dev", "--check"]);
    vars.iter()
        .fold(act, |act, (name, value)| act.env(name, *value))
        .run()
}

fn judge(place: &Place, case: &Case<'_>) {
    let Case {
        what,
        config,
        vars,
        expected,
    } = case;
    place.log_in(&config.to_string());
    let (theirs, ours) = (kubectl(place, vars), ours(place, vars));
    let (ours_code, theirs_code) = (ours.status, theirs.status);
    assert_eq!(
        (ours_code == 2, theirs_code == 0),
        (expected.is_ok(), expected.is_ok()),
        "{what}\nkubectl: {}\nclsecrets: {}",
        theirs.err(),
        ours.err(),
    );
    if let Err(word) = expected {
        assert!(ours.err().contains(word), "{what}: {}", ours.err());
        assert!(!ours.err().contains("panic"), "{what}: {}", ours.err());
    }
    assert!(!ours.err().contains("canary"), "{what}: {}", ours.err());
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn what_kubectl_reads_is_read_and_what_it_refuses_is_refused() {
    let place = Place::new();
    let config = original(&place);
    let scene = &place.world.scene;
    let token = text(&config["users"][0]["user"]["token"]).to_owned();
    let authority =
        text(&config["clusters"][0]["cluster"]["certificate-authority-data"]).to_owned();
    std::fs::write(scene.home("token"), format!("{token}\n")).unwrap();
    std::fs::write(scene.home("empty"), "\n").unwrap();
    std::fs::write(scene.home("ca.pem"), STANDARD.decode(&authority).unwrap()).unwrap();
    let dead = format!("http://127.0.0.1:{}", closed_port());
    let case = |what, expected, change: &dyn Fn(&mut Value, &mut Value)| Case {
        what,
        config: with(&config, |cluster, user| change(cluster, user)),
        vars: &[],
        expected,
    };
    let cases = [
        case("as it is", Ok(()), &|_, _| {}),
        case(
            "a file of a token, with a line end, beside the kubeconfig",
            Ok(()),
            &|_, user| {
                *user = json!({"tokenFile": "token"});
            },
        ),
        case("the file outranks the token", Ok(()), &|_, user| {
            *user = json!({"tokenFile": "token", "token": "wrong"});
        }),
        case("an empty file of a token", Err("is empty"), &|_, user| {
            *user = json!({"tokenFile": "empty"});
        }),
        case("no file of a token", Err("cannot read"), &|_, user| {
            *user = json!({"tokenFile": "nowhere"});
        }),
        case(
            "a token with a line end",
            Err("has a line end in it"),
            &|_, user| {
                *user = json!({"token": format!("{token}\n")});
            },
        ),
        case(
            "an authority in a file beside the kubeconfig",
            Ok(()),
            &|cluster, _| {
                let server = cluster["server"].clone();
                *cluster = json!({"server": server, "certificate-authority": "ca.pem"});
            },
        ),
        case("no authority", Err("is not trusted"), &|cluster, _| {
            *cluster = json!({"server": cluster["server"]});
        }),
        case("nothing is checked", Ok(()), &|cluster, _| {
            *cluster = json!({"server": cluster["server"], "insecure-skip-tls-verify": true});
        }),
        case(
            "nothing is checked, by an authority",
            Err("keep one of them"),
            &|cluster, _| {
                cluster["insecure-skip-tls-verify"] = json!(true);
            },
        ),
        case("another name of the server", Ok(()), &|cluster, _| {
            cluster["tls-server-name"] = json!("kubernetes");
        }),
        case(
            "a name that is not the server's",
            Err("is not trusted"),
            &|cluster, _| {
                cluster["tls-server-name"] = json!("example.net");
            },
        ),
        case(
            "a proxy in the kubeconfig, also before this machine",
            Err("through its proxy"),
            &|cluster, _| {
                cluster["proxy-url"] = json!(dead);
            },
        ),
        case("nobody", Err("not allowed"), &|_, user| *user = json!({})),
        case(
            "for somebody who may do nothing",
            Err("not allowed"),
            &|_, user| {
                user["as"] = json!("system:anonymous");
            },
        ),
        case("for somebody who may do everything", Ok(()), &|_, user| {
            user["as"] = json!("jane");
            user["as-groups"] = json!(["system:masters"]);
            user["as-user-extra"] = json!({"acme.com/project": ["x"]});
        }),
        case(
            "half of a certificate",
            Err("without the other"),
            &|_, user| {
                *user = json!({"client-certificate-data": authority});
            },
        ),
    ];
    for case in &cases {
        judge(&place, case);
    }
    // Go takes no proxy of the environment to this machine.
    let proxied = Case {
        what: "a proxy of the environment",
        config: config.clone(),
        vars: &[("HTTPS_PROXY", &dead)],
        expected: Ok(()),
    };
    judge(&place, &proxied);
}

#[test]
fn several_kubeconfigs_are_one() {
    let place = Place::new();
    let config = original(&place);
    let scene = &place.world.scene;
    std::fs::create_dir_all(scene.home("parts")).unwrap();
    let part = |name: &str, part: &Value| {
        std::fs::write(scene.home(name), part.to_string()).unwrap();
        scene.home(name).display().to_string()
    };
    let user = json!([{"name": "test", "user": {"tokenFile": "token"}}]);
    let token = text(&config["users"][0]["user"]["token"]);
    std::fs::write(scene.home("parts/token"), token).unwrap();
    let wrong = json!([{"name": "test", "user": {"token": "wrong"}}]);
    let list = [
        part("contexts", &json!({"contexts": config["contexts"]})),
        scene.home("nowhere").display().to_string(),
        String::new(),
        part("parts/users", &json!({"users": user})),
        part(
            "clusters",
            &json!({"clusters": config["clusters"], "users": wrong}),
        ),
    ];
    let list = list.join(":");
    kubectl(&place, &[("KUBECONFIG", &list)]).succeeds();
    ours(&place, &[("KUBECONFIG", &list)]).fails(2);
}

#[test]
fn a_cluster_is_reached_through_a_proxy_but_not_where_no_proxy_says_so() {
    let place = Place::new();
    let proxy = Proxy::to_cluster(place.namespace.admin().upstream());
    let port = proxy.url().rsplit(':').next().unwrap().parse().unwrap();
    let front = TlsFront::before(port);
    let config = with(&original(&place), |cluster, _| {
        *cluster = json!({
            "server": TLS_FRONT,
            "certificate-authority": front.authority().display().to_string(),
        });
    });
    place.log_in(&config.to_string());
    let way = front.proxy();
    // Its name resolves nowhere, so that only the proxy leads to it.
    ours(&place, &[]).fails(8).stderr_has("has no address");
    kubectl(&place, &[("HTTPS_PROXY", &way)]).succeeds();
    let before = front.connects();
    ours(&place, &[("HTTPS_PROXY", &way)]).fails(2);
    assert!(front.connects() > before);
    let bare = way.strip_prefix("http://").unwrap();
    ours(&place, &[("https_proxy", bare)]).fails(2);
    for except in ["aws.internal.test", ".internal.test", "*"] {
        let vars = [("HTTPS_PROXY", way.as_str()), ("NO_PROXY", except)];
        kubectl(&place, &vars).fails(1);
        ours(&place, &vars).fails(8).stderr_has("has no address");
    }
    let config = with(&config, |cluster, _| cluster["proxy-url"] = json!(way));
    place.log_in(&config.to_string());
    kubectl(&place, &[("NO_PROXY", "*")]).succeeds();
    ours(&place, &[("NO_PROXY", "*")]).fails(2);
    let config = with(&config, |cluster, _| {
        cluster["proxy-url"] = json!("https://canary@127.0.0.1:1");
    });
    place.log_in(&config.to_string());
    ours(&place, &[])
        .fails(1)
        .stderr_has("proxy-url of the kubeconfig is a proxy that is itself reached over TLS")
        .stderr_lacks("canary");
}

#[test]
fn a_cluster_is_reached_through_a_socks_server() {
    let place = Place::new();
    let server = place.namespace.admin().server().to_owned();
    let port = server.rsplit(':').next().unwrap();
    let port = port.trim_end_matches('/').parse().unwrap();
    let (open, closed) = (Socks::before(port, false), Socks::before(port, true));
    // Its name resolves nowhere, so that only the SOCKS server leads to it.
    let config = |way: Option<String>| {
        with(&original(&place), |cluster, _| {
            cluster["server"] = json!(format!("https://{SOCKS_HOST}:6443"));
            cluster["tls-server-name"] = json!("kubernetes");
            if let Some(way) = way {
                cluster["proxy-url"] = json!(way);
            }
        })
    };
    let login = |name: &str, password: &str| {
        let password = password.replace(':', "%3A");
        format!("socks5://{name}:{password}@{}", closed.address())
    };
    let (through, nowhere) = (
        Err("through its proxy"),
        Err("is not the address of a proxy"),
    );
    let dead = format!("127.0.0.1:{}", closed_port());
    for (what, way, expected) in [
        (
            "open to all",
            format!("socks5://{}", open.address()),
            Ok(()),
        ),
        ("a name and a password", login(LOGIN.0, LOGIN.1), Ok(())),
        ("a wrong password", login(LOGIN.0, "canary"), through),
        (
            "no password",
            format!("socks5://{}", closed.address()),
            through,
        ),
        ("nobody there", format!("socks5://{dead}"), through),
        (
            "another scheme",
            format!("socks5h://{}", open.address()),
            nowhere,
        ),
        ("no scheme", open.address(), nowhere),
    ] {
        let config = config(Some(way));
        judge(
            &place,
            &Case {
                what,
                config,
                vars: &[],
                expected,
            },
        );
    }
    let names = open.asked();
    assert!(names.len() >= 2, "{names:?}");
    assert!(names.iter().all(|name| name == SOCKS_HOST), "{names:?}");
    assert!(closed.asked().len() >= 2);
    for scheme in ["socks5", "socks5h"] {
        let way = format!("{scheme}://{}", open.address());
        judge(
            &place,
            &Case {
                what: "the environment names it",
                config: config(None),
                vars: &[("HTTPS_PROXY", &way)],
                expected: Ok(()),
            },
        );
        assert!(open.asked().len() >= 2, "{scheme}");
    }
}

#[test]
fn a_client_certificate_may_be_of_any_version() {
    let place = Place::new();
    let proxy = Proxy::to_cluster(place.namespace.admin().upstream());
    let port = proxy.url().rsplit(':').next().unwrap().parse().unwrap();
    let front = MutualTls::before(port);
    let shown = |name: &str| front.file(name).display().to_string();
    let log_in = |certificate: &str, key: &str| {
        let config = with(&original(&place), |cluster, user| {
            *cluster = json!({"server": front.url(), "certificate-authority": shown("ca.pem")});
            user["client-certificate"] = json!(shown(certificate));
            user["client-key"] = json!(shown(key));
        });
        place.log_in(&config.to_string());
    };
    for name in ["v3", "v1"] {
        log_in(&format!("{name}.pem"), &format!("{name}.key"));
        kubectl(&place, &[]).succeeds();
        ours(&place, &[]).fails(2);
    }
    log_in("v3.pem", "other.key");
    kubectl(&place, &[]).fails(1);
    ours(&place, &[])
        .fails(1)
        .stderr_has("is not that of its client-certificate");
    // The server wants one.
    let config = with(&original(&place), |cluster, _| {
        *cluster = json!({"server": front.url(), "certificate-authority": shown("ca.pem")});
    });
    place.log_in(&config.to_string());
    ours(&place, &[])
        .fails(1)
        .stderr_has("breaks off the TLS handshake");
}

/// A kubeconfig whose user logs in with this shell script.
fn plugin(place: &Place, script: &str, more: &Value) -> Value {
    let path = place.world.scene.home("log-in");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    with(&original(place), |_, user| {
        *user = json!({"exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "./log-in",
            "interactiveMode": "IfAvailable",
        }});
        let exec = user["exec"].as_object_mut().unwrap();
        exec.extend(more.as_object().unwrap().clone());
    })
}

#[test]
fn a_plugin_logs_in_and_its_words_are_its_own() {
    let place = Place::new();
    let token = text(&original(&place)["users"][0]["user"]["token"]).to_owned();
    let answer = |status: &str| {
        format!(
            r#"echo canary >&2; echo run >>"$HOME/runs"
cat <<'X'
{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{status}}}
X"#
        )
    };
    let good = answer(&format!(r#"{{"token":"{token}"}}"#));
    place.log_in(&plugin(&place, &good, &json!({})).to_string());
    kubectl(&place, &[]).succeeds().stderr_has("canary");
    std::fs::remove_file(place.world.scene.home("runs")).unwrap();
    ours(&place, &[]).fails(2).stderr_lacks("canary");
    let runs = std::fs::read_to_string(place.world.scene.home("runs")).unwrap();
    assert_eq!(runs, "run\n", "it runs once");

    let told = format!(
        r#"case "$KUBERNETES_EXEC_INFO" in *certificate-authority-data*) ;; *) exit 7;; esac
case "$GIVEN" in x) ;; *) exit 8;; esac
{good}"#
    );
    let more = json!({"provideClusterInfo": true, "env": [{"name": "GIVEN", "value": "x"}]});
    place.log_in(&plugin(&place, &told, &more).to_string());
    kubectl(&place, &[]).succeeds();
    ours(&place, &[]).fails(2);

    let expired = answer(&format!(
        r#"{{"token":"{token}","expirationTimestamp":"2020-01-01T00:00:00Z"}}"#
    ));
    place.log_in(&plugin(&place, &expired, &json!({})).to_string());
    ours(&place, &[]).fails(2);

    for (script, said) in [
        (
            "echo canary >&2; echo canary; exit 3",
            "log-in of the kubeconfig ended with status 3",
        ),
        (
            "echo canary",
            "log-in of the kubeconfig gave no credentials",
        ),
        (
            &answer(r#"{"token":"canary\nx"}"#),
            "has a character that cannot be sent in it",
        ),
        ("kill -9 $$", "log-in of the kubeconfig was killed"),
    ] {
        place.log_in(&plugin(&place, script, &json!({})).to_string());
        kubectl(&place, &[]).fails(1);
        let run = ours(&place, &[]).stderr_has(said).stderr_lacks("canary");
        assert!([1, 4].contains(&run.status), "{}", run.status);
    }
    let gone = plugin(&place, "", &json!({"command": "./nowhere-to-be-found"}));
    place.log_in(&gone.to_string());
    ours(&place, &[]).fails(4).stderr_has("cannot be started");
}

#[test]
fn a_plugin_that_hangs_is_ended_with_all_that_it_started() {
    let place = Place::new();
    let script = r#"sleep 1000 & echo $! >"$HOME/child"; wait"#;
    place.log_in(&plugin(&place, script, &json!({})).to_string());
    let run = place.world.sync("--check --timeout 3s").fails(8);
    let run = run.stderr_has("has not answered within the time limit of 3s");
    assert!(run.took < Duration::from_secs(15), "{:?}", run.took);
    let child = std::fs::read_to_string(place.world.scene.home("child")).unwrap();
    let path = format!("/proc/{}/cmdline", child.trim());
    let is_running = || std::fs::read(&path).is_ok_and(|line| line.starts_with(b"sleep"));
    for _ in 0..100 {
        if !is_running() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("what the plug-in has started still runs");
}
