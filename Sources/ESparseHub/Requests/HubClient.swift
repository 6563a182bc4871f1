// Sends requests to the hub and to where it redirects: the only user of an HTTP client.

package import AsyncHTTPClient
package import ESparseCore
package import FoundationEssentials
import NIOCore
package import NIOHTTP1
import NIOPosix
import Synchronization

/// A connection to a hub. Its threads live until `close`.
package final class HubClient: Sendable {
    /// Where the hub is, and how patiently it is asked.
    package let settings: HubSettings
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let clients = Mutex<[ProxyRules.Server?: HTTPClient]>([:])
    private let home: String?

    /// Most redirects from one address to the next.
    private static let mostRedirects = 10

    /// Starts the client's thread; nothing is connected yet.
    package init(settings: HubSettings) {
        self.settings = settings
        home = WebAddress.origin(of: settings.endpoint)
    }

    /// Breaks off all requests and ends the threads. Not to be called from an asynchronous function.
    package func close() {
        let clients = clients.withLock { clients in
            defer { clients = [:] }
            return Array(clients.values)
        }
        // What is left to close is of no use to anybody.
        for client in clients { try? client.syncShutdown() }
        try? group.syncShutdownGracefully()
    }

    /// The headers that describe a file: those of the hub's own answers, before it redirects to where large files are stored.
    ///
    /// - Parameters:
    ///   - url: an address of the hub.
    ///   - subject: whom a refusal is about.
    /// - Throws: `PassingFailure`; `HubError`; `InterruptedError`.
    package func headers(of url: URL, about subject: Subject) async throws -> HTTPHeaders {
        var url = url
        var headers = HTTPHeaders()
        for _ in 0...Self.mostRedirects {
            let answer = try await exchange(.HEAD, url, offset: 0, isTrusted: true)
            try subject.check(answer.status, answer.headers, settings: settings)
            for header in answer.headers { headers.replaceOrAdd(name: header.name, value: header.value) }
            guard Self.isRedirect(answer.status) else { return headers }
            url = try WebAddress.target(of: answer.headers.first(name: "Location"), from: url, about: subject.name)
            // The length of the redirect is not the file's.
            headers.remove(name: "Content-Length")
            guard WebAddress.origin(of: url) == home else { return headers }
        }
        throw HubError.badRedirect(about: subject.name, reason: "there are more than \(Self.mostRedirects) redirects")
    }

    /// The answer to a GET, after redirects. The token goes to the hub only, and not to it either once a request has left it.
    ///
    /// - Parameters:
    ///   - url: an address of the hub.
    ///   - offset: the first byte to send.
    ///   - subject: whom a refusal is about.
    /// - Throws: `PassingFailure`; `HubError`; `InterruptedError`.
    package func answer(
        to url: URL, from offset: Int, about subject: Subject
    ) async throws -> HTTPClientResponse {
        var url = url
        var isTrusted = true
        for _ in 0...Self.mostRedirects {
            let answer = try await exchange(.GET, url, offset: offset, isTrusted: isTrusted)
            guard Self.isRedirect(answer.status) else {
                if answer.status == .rangeNotSatisfiable { return answer }
                if isTrusted {
                    try subject.check(answer.status, answer.headers, settings: settings)
                } else if answer.status.code >= 400 {
                    // Storage lets in by signed addresses, which expire: the hub gives another.
                    throw PassingFailure(
                        error: .outOfOrder(
                            hub: WebAddress.origin(of: url) ?? "storage", status: Int(answer.status.code)))
                }
                return answer
            }
            url = try WebAddress.target(of: answer.headers.first(name: "Location"), from: url, about: subject.name)
            isTrusted = isTrusted && WebAddress.origin(of: url) == home
        }
        throw HubError.badRedirect(about: subject.name, reason: "there are more than \(Self.mostRedirects) redirects")
    }

    private static func isRedirect(_ status: HTTPResponseStatus) -> Bool {
        [301, 302, 303, 307, 308].contains(status.code)
    }

    private func exchange(
        _ method: HTTPMethod, _ url: URL, offset: Int, isTrusted: Bool
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: url.absoluteString)
        request.method = method
        request.headers.add(name: "User-Agent", value: "esparse/\(toolVersion)")
        // Sizes and digests are of the bytes as they are.
        request.headers.add(name: "Accept-Encoding", value: "identity")
        if offset > 0 { request.headers.add(name: "Range", value: "bytes=\(offset)-") }
        if isTrusted, let token = settings.token {
            request.headers.add(name: "Authorization", value: "Bearer \(token.text)")
        }
        return try await passingFailures(at: url) {
            try await client(for: url).execute(
                request, timeout: .milliseconds(Int64(1000 * settings.patience.answering)))
        }
    }

    /// The client that reaches an address through its proxy.
    private func client(for url: URL) -> HTTPClient {
        let proxy = settings.proxies.server(for: url)
        return clients.withLock { clients in
            if let client = clients[proxy] { return client }
            var configuration = HTTPClient.Configuration(
                redirectConfiguration: .disallow,
                timeout: HTTPClient.Configuration.Timeout(
                    connect: .milliseconds(Int64(1000 * settings.patience.connecting)),
                    read: .milliseconds(Int64(1000 * settings.patience.answering))))
            // A connection that is refused is to be heard of now, not when time is up.
            configuration.connectionPool.retryConnectionEstablishment = false
            // Files side by side are to have connections of their own.
            configuration.httpVersion = .http1Only
            configuration.proxy = proxy.map { server in
                .server(
                    host: server.host, port: server.port,
                    authorization: server.credentials.map { .basic(username: $0.name, password: $0.password) })
            }
            let client = HTTPClient(eventLoopGroup: group, configuration: configuration)
            clients[proxy] = client
            return client
        }
    }

    /// Runs a request or a part of one; the client's errors become failures that may pass.
    ///
    /// - Throws: `PassingFailure`; `InterruptedError`; errors of `body` that are not the client's.
    package func passingFailures<Result>(at url: URL, _ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch {
            try Self.checkStopped()
            switch error {
            case is HubError, is PassingFailure, is FileError, is InterruptedError: throw error
            default:
                let address = settings.proxies.server(for: url).map { "the proxy \($0.host):\($0.port)" }
                throw PassingFailure(
                    error: .unreachable(
                        address: address ?? WebAddress.origin(of: url) ?? settings.name,
                        reason: ConnectionError.reason(error)))
            }
        }
    }

    /// Waits without holding a thread.
    ///
    /// - Throws: `InterruptedError`.
    package func pause(seconds: Double) async throws {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            try Self.checkStopped()
            let left = min(0.1, max(0.001, (end - ContinuousClock.now) / .seconds(1)))
            try await group.next().scheduleTask(in: .nanoseconds(Int64(left * 1e9))) {}.futureResult.get()
        }
    }

    /// - Throws: `InterruptedError` where the user asked to stop.
    package static func checkStopped() throws(InterruptedError) {
        try Interruption.check()
        if Task.isCancelled { throw InterruptedError() }
    }
}
