// What the loopback hub answers: as the real one does, or as a test tells it to.

import NIOHTTP1
import Synchronization

/// What a client asked for.
struct HubRequest: Sendable {
    let method: HTTPMethod
    let path: String
    let headers: HTTPHeaders
    let time = ContinuousClock.now

    var token: String? { headers.first(name: "Authorization") }
    var host: String { headers.first(name: "Host") ?? "" }
    /// The first byte that is asked for; nil for all.
    var start: Int? { headers.first(name: "Range").flatMap { Int($0.dropFirst("bytes=".count).dropLast()) } }
    var isListing: Bool { path.hasPrefix("/api/") }
    var isStorage: Bool { path.hasPrefix("/storage/") }
    /// The name of the file that a hub's address ends in.
    var file: String { String(path.split(separator: "/").last ?? "") }
}

/// What it gets.
struct HubReply: Sendable {
    var status = HTTPResponseStatus.ok
    var headers: [String: String] = [:]
    var body: [UInt8] = []
    /// The Content-Length where it is not the body's.
    var claimedLength: Int?
    /// Bytes of the body after which the connection is closed.
    var breaksAfter: Int?
    /// Milliseconds before the answer begins.
    var pause: Int64 = 0
    /// Milliseconds after each piece of 10,000 bytes.
    var delay: Int64 = 0

    static func refusal(_ status: HTTPResponseStatus, _ headers: [String: String] = [:]) -> HubReply {
        HubReply(status: status, headers: headers, body: Array("no".utf8))
    }
}

/// The hub's behaviour, and a record of what was asked.
final class HubScript: Sendable {
    /// Makes another reply out of the real hub's; `count` counts earlier requests with the same method and path.
    typealias Change = @Sendable (_ request: HubRequest, _ reply: HubReply, _ count: Int) -> HubReply

    private struct State {
        var repository: FakeRepository
        var change: Change = { _, reply, _ in reply }
        var requests: [HubRequest] = []
        /// "http://localhost:PORT", another host than that of the hub's address.
        var storage = ""
    }

    private let state: Mutex<State>

    init(_ repository: FakeRepository) { state = Mutex(State(repository: repository)) }

    var repository: FakeRepository {
        get { state.withLock { $0.repository } }
        set { state.withLock { $0.repository = newValue } }
    }

    func setStorage(_ address: String) { state.withLock { $0.storage = address } }

    /// Changes replies from now on, and forgets what was asked.
    func change(_ change: @escaping Change) {
        state.withLock {
            $0.change = change
            $0.requests = []
        }
    }

    /// Changes replies in place from now on, and forgets what was asked.
    func edit(_ edit: @escaping @Sendable (_ request: HubRequest, _ reply: inout HubReply, _ count: Int) -> Void) {
        change { request, reply, count in
            var reply = reply
            edit(request, &reply, count)
            return reply
        }
    }

    /// Behaves as the real hub again, and forgets what was asked.
    func reset() { change { _, reply, _ in reply } }

    var requests: [HubRequest] { state.withLock { $0.requests } }

    func reply(to request: HubRequest) -> HubReply {
        let (change, repository, storage, count) = state.withLock { state in
            let count = state.requests.count { $0.method == request.method && $0.path == request.path }
            state.requests.append(request)
            return (state.change, state.repository, state.storage, count)
        }
        return change(request, Self.reply(to: request, repository, storage), count)
    }

    static func reply(to request: HubRequest, _ repository: FakeRepository, _ storage: String) -> HubReply {
        let api = "/api/models/\(repository.name)/revision/"
        let files = "/\(repository.name)/resolve/\(repository.commit)/"
        if request.path.hasPrefix(api) {
            guard ["main", repository.commit].contains(String(request.path.dropFirst(api.count))) else {
                return .refusal(.notFound, ["X-Error-Code": "RevisionNotFound"])
            }
            let names = repository.files.keys.sorted().map { "{\"rfilename\": \"\($0)\"}" }.joined(separator: ", ")
            return HubReply(body: Array("{\"sha\": \"\(repository.commit)\", \"siblings\": [\(names)]}".utf8))
        }
        if request.path.hasPrefix(files) {
            let name = String(request.path.dropFirst(files.count))
            guard let bytes = repository.files[name] else {
                return .refusal(.notFound, ["X-Error-Code": "EntryNotFound", "X-Repo-Commit": repository.commit])
            }
            let etag = repository.etag(name)
            let headers = ["X-Repo-Commit": repository.commit, "ETag": "\"\(etag)\""]
            guard repository.large.contains(name) else { return part(bytes, request, headers) }
            let linked = [
                "X-Linked-Etag": "\"\(etag)\"", "X-Linked-Size": "\(bytes.count)", "ETag": "\"of-the-redirect\"",
                "Location": "\(storage)/storage/\(etag)",
            ]
            return HubReply(
                status: .found, headers: headers.merging(linked) { $1 }, body: Array("Found. Redirecting".utf8))
        }
        if request.isStorage, let name = repository.files.keys.first(where: { repository.etag($0) == request.file }) {
            return part(repository.files[name] ?? [], request, ["ETag": "\"of-the-storage\""])
        }
        return .refusal(
            .unauthorized, ["X-Error-Code": "RepoNotFound", "X-Error-Message": "Invalid username or password."])
    }

    private static func part(_ bytes: [UInt8], _ request: HubRequest, _ headers: [String: String]) -> HubReply {
        guard let start = request.start else { return HubReply(headers: headers, body: bytes) }
        guard start < bytes.count else { return .refusal(.rangeNotSatisfiable) }
        let range = ["Content-Range": "bytes \(start)-\(bytes.count - 1)/\(bytes.count)"]
        return HubReply(
            status: .partialContent, headers: headers.merging(range) { $1 }, body: Array(bytes[start...]))
    }
}
