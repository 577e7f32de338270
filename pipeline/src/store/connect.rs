//! Connections to object stores: only to servers that the YAML may mean, and to no other one that they name.
//!
//! A config is written by many hands, and a batch job runs inside a network that trusts it. So an endpoint on this machine, on its link or
//! in a private network is refused unless the YAML names the host, whatever the address is written as and whatever a name resolves to;
//! and no redirect is followed. object_store's own connector follows redirects.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::client::{HttpClient, HttpConnector};
use object_store::{ClientConfigKey, ClientOptions};
use url::{Host, Url};

/// Hosts in private networks that the YAML names.
#[derive(Debug, Clone, Default)]
pub struct Hosts(Arc<Vec<String>>);

impl Hosts {
    /// The hosts, as they stand in a URL.
    pub fn new(names: Vec<String>) -> Self {
        // A URL's way to write a host is the one that is compared.
        let written = |name: &String| Url::parse(&format!("http://{name}")).ok().and_then(|url| url.host_str().map(str::to_owned));
        Self(Arc::new(names.iter().map(|name| written(name).unwrap_or_else(|| name.clone())).collect()))
    }

    fn has(&self, host: &str) -> bool {
        self.0.iter().any(|name| name == host)
    }

    /// Refuses an endpoint that lies where only a named host may.
    pub fn check(&self, endpoint: &str) -> Result<(), String> {
        let url = Url::parse(endpoint).map_err(|error| format!("expected the URL of an endpoint, got a fault: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
            return Err("expected an endpoint of http or https without a user, got another".to_owned());
        }
        let Some(host) = url.host() else { return Err("expected an endpoint with a host, got none".to_owned()) };
        let is_private = match host {
            Host::Ipv4(address) => private(IpAddr::V4(address)),
            Host::Ipv6(address) => private(IpAddr::V6(address)),
            Host::Domain(name) => local_name(name),
        };
        let host = url.host_str().unwrap_or_default();
        if is_private && !self.has(host) {
            return Err(format!("expected an endpoint on a public address, or its host in `private_hosts`, got `{host}`"));
        }
        Ok(())
    }
}

/// Names that mean this machine, or one that only its network knows.
fn local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_lowercase();
    let ends = ["localhost", "local", "internal", "localdomain", "home.arpa", "intranet", "lan"];
    ends.iter().any(|end| name == *end || name.ends_with(&format!(".{end}")))
}

/// Whether an address is on this machine, on its link, in a private network, or not on the public internet at all.
fn private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => private_v4(v4),
        IpAddr::V6(v6) => private_v6(v6),
    }
}

fn private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol = (a, b, c) == (192, 0, 0);
    let testing = a == 198 && (18..20).contains(&b);
    a == 0 || a >= 224 || shared || protocol || testing || address.is_loopback() || address.is_private() || address.is_link_local()
}

fn private_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let embedded = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let carried = match parts {
        // IPv4-mapped, IPv4-compatible, NAT64, 6to4.
        [0, 0, 0, 0, 0, 0xFFFF | 0, high, low] | [0x64, 0xFF9B, 0, 0, 0, 0, high, low] => Some(embedded(high, low)),
        [0x2002, high, low, ..] => Some(embedded(high, low)),
        _ => None,
    };
    let local = address.is_loopback() || address.is_unspecified() || address.is_multicast();
    let networks = parts[0] & 0xFE00 == 0xFC00 || parts[0] & 0xFFC0 == 0xFE80 || parts[0] & 0xFFC0 == 0xFEC0;
    local || networks || carried.is_some_and(private_v4)
}

/// Makes clients that resolve no name to a private address, and follow no redirect.
#[derive(Debug, Clone)]
pub struct Connector(pub Hosts);

/// The client's options that may stand in the YAML; the others would be dropped.
const OPTIONS: [ClientConfigKey; 3] = [ClientConfigKey::AllowHttp, ClientConfigKey::Timeout, ClientConfigKey::ConnectTimeout];

/// Whether `key` is an option of the client that is kept.
pub fn keeps(key: &str) -> bool {
    ClientConfigKey::from_str(key).is_ok_and(|key| OPTIONS.contains(&key))
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let stated = |key: ClientConfigKey| options.get_config_value(&key);
        let seconds = |key: ClientConfigKey, otherwise: u64| {
            let text = stated(key).unwrap_or_default();
            let number: String = text.chars().take_while(char::is_ascii_digit).collect();
            Duration::from_secs(number.parse().unwrap_or(otherwise))
        };
        let allow_http = stated(ClientConfigKey::AllowHttp).is_some_and(|text| text == "true");
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .https_only(!allow_http)
            .timeout(seconds(ClientConfigKey::Timeout, 300))
            .connect_timeout(seconds(ClientConfigKey::ConnectTimeout, 10))
            .no_proxy()
            .dns_resolver(Arc::new(Resolver(self.0.clone())))
            .build();
        let client = client.map_err(|error| object_store::Error::Generic { store: "client", source: Box::new(error) })?;
        Ok(HttpClient::new(client))
    }
}

/// Resolves names as the system does, and hides private addresses of hosts that the YAML does not name.
struct Resolver(Hosts);

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resolver({:?})", self.0)
    }
}

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let (host, named) = (name.as_str().to_owned(), self.0.has(name.as_str()));
        Box::pin(async move {
            let resolved = tokio::task::spawn_blocking(move || (host.as_str(), 0).to_socket_addrs().map(Iterator::collect::<Vec<SocketAddr>>)).await??;
            let kept: Vec<SocketAddr> = resolved.into_iter().filter(|address| named || !private(address.ip())).collect();
            if kept.is_empty() {
                return Err("expected a host with a public address, or one in `private_hosts`, got a private address".into());
            }
            Ok(Box::new(kept.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_endpoints_are_refused_however_they_are_written() {
        let refused = [
            "http://127.0.0.1:9000",
            "http://127.1",
            "http://2130706433",
            "http://0x7f000001",
            "http://0x7f.0.0.1",
            "http://0177.0.0.1",
            "http://017700000001",
            "http://127.0.0.1.",
            "https://localhost",
            "https://LOCALHOST:443",
            "https://localhost.",
            "https://shop.localhost",
            "https://metadata.google.internal",
            "http://169.254.169.254/latest/meta-data",
            "http://2852039166",
            "http://0xa9fea9fe",
            "http://[::1]",
            "http://[0:0:0:0:0:0:0:1]",
            "http://[::ffff:127.0.0.1]",
            "http://[::ffff:7f00:1]",
            "http://[::ffff:169.254.169.254]",
            "http://[64:ff9b::a9fe:a9fe]",
            "http://[2002:7f00:1::]",
            "http://[fe80::1]",
            "http://[fd00:ec2::254]",
            "https://10.0.0.5",
            "https://172.31.255.1",
            "https://192.168.1.1",
            "https://100.64.0.1",
            "http://0.0.0.0:8080",
            "http://0",
            "http://①②⑦.0.0.1",
        ];
        for endpoint in refused {
            let words = Hosts::default().check(endpoint).expect_err(endpoint);
            assert!(words.starts_with("expected an endpoint on a public address, or its host in `private_hosts`, got `"), "{endpoint}: {words}");
        }
        for endpoint in ["ftp://example.com", "https://user:word@example.com", "https://", "example.com"] {
            assert!(Hosts::default().check(endpoint).is_err(), "{endpoint}");
        }
        for endpoint in ["https://s3.eu-central-1.amazonaws.com", "https://8.8.8.8", "https://[2a00:1450::1]", "https://172.32.0.1", "https://mylocalhost.com"]
        {
            assert_eq!(Hosts::default().check(endpoint), Ok(()), "{endpoint}");
        }
    }

    /// A name that resolves to this machine, as the system's own table of hosts has one everywhere.
    #[test]
    fn names_resolve_to_no_private_address() {
        use reqwest::dns::Resolve;
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let resolve = |hosts: Hosts| runtime.block_on(Resolver(hosts).resolve("localhost".parse().expect("a name")));
        let Err(error) = resolve(Hosts::default()) else { panic!("it resolved") };
        assert!(error.to_string().contains("got a private address"), "{error}");
        assert!(resolve(Hosts::new(vec!["localhost".into()])).is_ok_and(|addresses| addresses.count() > 0));
    }

    #[test]
    fn a_host_that_is_named_is_allowed_and_no_other() {
        let hosts = Hosts::new(vec!["127.0.0.1".into(), "minio.internal".into(), "[::1]".into()]);
        for endpoint in ["http://127.0.0.1:9000", "http://127.1:9000", "https://minio.internal", "http://[0:0::1]"] {
            assert_eq!(hosts.check(endpoint), Ok(()), "{endpoint}");
        }
        for endpoint in ["http://127.0.0.2:9000", "https://other.internal", "https://x.minio.internal"] {
            assert!(hosts.check(endpoint).is_err(), "{endpoint}");
        }
    }
}
