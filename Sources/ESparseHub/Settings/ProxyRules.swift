// Which proxy a request goes through.

package import FoundationEssentials

/// The proxies of `HTTPS_PROXY` and `HTTP_PROXY`, and the hosts of `NO_PROXY` that are reached without; names in lower case win.
package struct ProxyRules: Sendable {
    /// A proxy that takes HTTP.
    package struct Server: Sendable, Hashable {
        /// Name or address.
        package let host: String
        /// 1 to 65535.
        package let port: Int
        /// Name and password; nil where none is needed.
        package let credentials: Credentials?
    }

    /// Who asks a proxy.
    package struct Credentials: Sendable, Hashable {
        /// The account.
        package let name: String
        /// Its secret.
        package let password: String
    }

    private let servers: [String: Server]
    private let exceptions: [String]

    /// Reads the variables.
    ///
    /// - Throws: `HubError.invalidSetting` where one names no HTTP proxy.
    package init(environment: [String: String]) throws(HubError) {
        func value(_ name: String) -> (name: String, text: String)? {
            for name in [name, name.uppercased()] {
                if let text = environment[name], !text.isEmpty { return (name, text) }
            }
            return nil
        }
        var servers: [String: Server] = [:]
        for scheme in ["http", "https"] {
            if let (name, text) = value(scheme + "_proxy") { servers[scheme] = try Self.server(text, from: name) }
        }
        self.servers = servers
        exceptions = (value("no_proxy")?.text ?? "").lowercased().split { $0 == "," || $0 == " " }.map {
            $0.hasPrefix("*.") ? String($0.dropFirst(2)) : $0.hasPrefix(".") ? String($0.dropFirst()) : String($0)
        }
    }

    private static func server(_ text: String, from name: String) throws(HubError) -> Server {
        let address = text.contains("://") ? text : "http://" + text
        guard let url = URL(string: address), url.scheme?.lowercased() == "http", let host = url.host, !host.isEmpty
        else {
            throw .invalidSetting(
                name: name, reason: "must be http://HOST:PORT, since only proxies that take HTTP are supported")
        }
        let user = url.user(percentEncoded: false)
        return Server(
            host: host, port: url.port ?? 80,
            credentials: user.map { Credentials(name: $0, password: url.password(percentEncoded: false) ?? "") })
    }

    /// The proxy for an address; nil where it is reached without.
    package func server(for url: URL) -> Server? {
        guard let scheme = url.scheme?.lowercased(), let host = url.host?.lowercased(), let server = servers[scheme]
        else { return nil }
        let port = url.port ?? (scheme == "https" ? 443 : 80)
        let isExcepted = exceptions.contains { exception in
            exception == "*" || Self.covers(exception, host) || host + ":\(port)" == exception
        }
        return isExcepted ? nil : server
    }

    /// Whether a host is a domain or below it.
    private static func covers(_ domain: String, _ host: String) -> Bool {
        host == domain || host.hasSuffix("." + domain)
    }
}
