//! Whether a server is reached through a proxy, as Go decides it: `proxy-url` of the kubeconfig, else
//! `HTTPS_PROXY` or `HTTP_PROXY`, but for what `NO_PROXY` names and for this machine itself.

use std::net::IpAddr;

use http::Uri;
use url::{Host, Url};

use super::kubeconfig::wrong;
use crate::settings::Settings;
use crate::sync::TargetError;

/// The proxy for a server.
pub(super) fn proxy(
    own: Option<&str>,
    server: &Uri,
    settings: &Settings,
) -> Result<Option<Url>, TargetError> {
    if let Some(own) = own.filter(|own| !own.is_empty()) {
        return of_kubeconfig(own).map(Some);
    }
    let names = if server.scheme_str() == Some("http") {
        ["HTTP_PROXY", "http_proxy"]
    } else {
        ["HTTPS_PROXY", "https_proxy"]
    };
    let var = |names: [&str; 2]| names.into_iter().find_map(|name| settings.var(name));
    let Some(proxy) = var(names) else {
        return Ok(None);
    };
    let port = server.port_u16();
    let port = port.unwrap_or(if server.scheme_str() == Some("http") {
        80
    } else {
        443
    });
    let except = var(["NO_PROXY", "no_proxy"]).unwrap_or_default();
    if is_excepted(server.host().unwrap_or_default(), port, except) {
        return Ok(None);
    }
    read(proxy).map_err(|why| unusable(names[0], why)).map(Some)
}

/// `kubectl` wants a scheme there, and knows one less.
fn of_kubeconfig(text: &str) -> Result<Url, TargetError> {
    let what = "proxy-url of the kubeconfig";
    let url = read(text).map_err(|why| unusable(what, why))?;
    if !text.contains("://") || url.scheme() == "socks5h" {
        return Err(unusable(what, ADDRESS));
    }
    Ok(url)
}

const ADDRESS: &str =
    "is not the address of a proxy; it looks like http://HOST:PORT or socks5://HOST:PORT";
const OVER_TLS: &str = "is a proxy that is itself reached over TLS, which is not supported; it looks \
                        like http://HOST:PORT or socks5://HOST:PORT";

fn unusable(what: &str, why: &str) -> TargetError {
    wrong(format!("{what} {why}"))
}

/// A proxy's address; without a scheme it is `http`.
fn read(text: &str) -> Result<Url, &'static str> {
    let url = if text.contains("://") {
        Url::parse(text)
    } else {
        Url::parse(&format!("http://{text}"))
    };
    let url = url.ok().filter(|url| url.host().is_some());
    let url = url.ok_or(ADDRESS)?;
    match url.scheme() {
        "http" | "socks5" | "socks5h" => Ok(url),
        "https" => Err(OVER_TLS),
        _ => Err(ADDRESS),
    }
}

/// Whether no proxy stands before a host.
fn is_excepted(host: &str, port: u16, except: &str) -> bool {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.');
    let host = host.to_ascii_lowercase();
    let ip: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || ip.is_some_and(|ip| ip.is_loopback()) {
        return true;
    }
    let mut entries = except.split(',').map(str::trim);
    entries.any(|entry| matches(&entry.to_ascii_lowercase(), &host, ip, port))
}

fn matches(entry: &str, host: &str, ip: Option<IpAddr>, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some((net, bits)) = entry.split_once('/') {
        let (Ok(net), Ok(bits), Some(ip)) = (net.parse(), bits.parse(), ip) else {
            return false;
        };
        return is_within(ip, net, bits);
    }
    let (entry, of_port) = match entry.rsplit_once(':') {
        Some((entry, digits)) if entry.starts_with('[') || !entry.contains(':') => {
            (entry, digits.parse::<u16>().ok())
        }
        _ => (entry, None),
    };
    if of_port.is_some_and(|of| of != port) {
        return false;
    }
    let entry = entry.trim_matches(['[', ']']);
    if let Ok(entry) = entry.parse::<IpAddr>() {
        return Some(entry) == ip;
    }
    let entry = entry.strip_prefix('*').unwrap_or(entry);
    let name = entry.strip_prefix('.').unwrap_or(entry);
    if name.is_empty() || ip.is_some() {
        return false;
    }
    let is_below = host
        .strip_suffix(name)
        .is_some_and(|rest| rest.ends_with('.'));
    is_below || (entry == name && host == name)
}

fn is_within(ip: IpAddr, net: IpAddr, bits: u32) -> bool {
    let bits_of = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()), 32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    };
    let ((ip, width), (net, other)) = (bits_of(ip), bits_of(net));
    if width != other || bits > width {
        return false;
    }
    bits == 0 || (ip >> (width - bits)) == (net >> (width - bits))
}

/// Host and port of a proxy, without what it is logged in with.
pub(super) fn address(proxy: &Url) -> Option<Uri> {
    let scheme = if proxy.scheme() == "http" {
        "http"
    } else {
        "socks5"
    };
    let port = proxy
        .port()
        .unwrap_or(if scheme == "http" { 80 } else { 1080 });
    let host = match proxy.host()? {
        Host::Ipv6(ip) => format!("[{ip}]"),
        other => other.to_string(),
    };
    format!("{scheme}://{host}:{port}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_those_of_go() {
        for (host, port, except, expected) in [
            ("k8s.example.net", 443, "", false),
            ("127.0.0.1", 6443, "", true),
            ("[::1]", 6443, "", true),
            ("localhost", 6443, "", true),
            ("k8s.example.net", 443, "*", true),
            ("k8s.example.net", 443, "a, Example.net", true),
            ("k8s.example.net", 443, ".example.net", true),
            ("k8s.example.net", 443, "*.example.net", true),
            ("example.net", 443, ".example.net", false),
            ("example.net", 443, "example.net", true),
            ("badexample.net", 443, "example.net", false),
            ("k8s.example.net", 443, "k8s.example.net:6443", false),
            ("k8s.example.net", 6443, "k8s.example.net:6443", true),
            ("10.1.2.3", 443, "10.1.0.0/16", true),
            ("10.2.2.3", 443, "10.1.0.0/16", false),
            ("10.2.2.3", 443, "10.2.2.3", true),
            ("10.2.2.3", 443, "10.2.2.3:443", true),
            ("10.2.2.3", 443, "0.0.0.0/0", true),
            ("10.2.2.3", 443, "10.0.0.0/99", false),
            ("[fd00::7]", 443, "fd00::/8", true),
            ("[fd00::7]", 443, "fd00::7", true),
            ("[fd00::7]", 443, "[fd00::7]:444", false),
            ("10.2.2.3", 443, "3", false),
            ("k8s.example.net", 443, ",,", false),
        ] {
            assert_eq!(is_excepted(host, port, except), expected, "{host} {except}");
        }
    }

    #[test]
    fn the_kubeconfig_outranks_the_environment() {
        let var = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let vars = [
            var("https_proxy", "proxy.example.net:3128"),
            var("NO_PROXY", "10.0.0.0/8"),
        ];
        let settings = Settings::new(vars, "/".into(), 0);
        let at = |own: Option<&str>, server: &str| {
            let server = server.parse().unwrap();
            let found = proxy(own, &server, &settings).map_err(|error| error.reason)?;
            Ok::<_, String>(
                found
                    .and_then(|url| address(&url))
                    .map(|uri| uri.to_string()),
            )
        };
        let shown = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(
            at(None, "https://k8s.example.net"),
            shown("http://proxy.example.net:3128/")
        );
        assert_eq!(at(None, "https://10.0.0.1:6443"), Ok(None));
        assert_eq!(at(None, "http://k8s.example.net"), Ok(None));
        let own = "socks5://127.0.0.1:1080";
        assert_eq!(
            at(Some(own), "https://127.0.0.1"),
            shown("socks5://127.0.0.1:1080/")
        );
        let over_tls = at(Some("https://u:canary@x"), "https://10.0.0.1").unwrap_err();
        assert!(over_tls.contains("over TLS") && !over_tls.contains("canary"));
        for bad in [
            "ftp://x",
            "http://",
            "http://u:canary@[",
            "://",
            "socks5h://x",
            "proxy.example.net:3128",
        ] {
            let error = at(Some(bad), "https://10.0.0.1").unwrap_err();
            assert!(
                error.contains("proxy-url") && !error.contains("canary"),
                "{error}"
            );
        }
    }
}
