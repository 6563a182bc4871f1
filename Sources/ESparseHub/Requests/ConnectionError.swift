// What the HTTP client's errors mean, in words.

import AsyncHTTPClient
import NIOCore
import NIOPosix

/// Failures of connections.
enum ConnectionError {
    /// Why a request failed, without a full stop.
    static func reason(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError: reason(error)
        case let error as NIOConnectionError: reason(error)
        case let error as IOError: words(error.description)
        case is ChannelError: "the connection was closed"
        default: words("\(error)")
        }
    }

    private static func reason(_ error: HTTPClientError) -> String {
        switch error {
        case .readTimeout, .deadlineExceeded: "there was no answer in time"
        case .connectTimeout, .getConnectionFromPoolTimeout, .tlsHandshakeTimeout, .httpProxyHandshakeTimeout:
            "no connection was made in time"
        case .remoteConnectionClosed, .uncleanShutdown: "the connection was closed before the answer ended"
        case .proxyAuthenticationRequired: "the proxy wants a name and a password, as in http://NAME:PASSWORD@HOST:PORT"
        case .invalidProxyResponse: "the proxy refuses to connect"
        default: words(error.description)
        }
    }

    private static func reason(_ error: NIOConnectionError) -> String {
        if let first = error.connectionErrors.first { return reason(first.error) }
        if error.dnsAError != nil || error.dnsAAAAError != nil { return "there is no host \(error.host)" }
        return "there is no way to \(error.host):\(error.port)"
    }

    /// A library's words on one line and not without end.
    private static func words(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.count <= 200 ? line : line.prefix(200) + "..."
    }
}
