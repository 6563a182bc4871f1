// Downloads that break off, go on, and are verified.

import ESparseCore
import ESparseFormats
import ESparseHub
import FoundationEssentials
import NIOHTTP1
import Synchronization
import Testing

@Suite(.serialized) struct ResumingTests {
    static let shard = "model-00001-of-00002.safetensors"

    @Test func connectionsThatBreak() throws {
        let setting = try HubSetting()
        let etag = setting.hub.script.repository.etag(Self.shard)
        setting.hub.script.edit { request, reply, count in
            if request.isStorage, request.file == etag, count < 4 { reply.breaksAfter = 50_000 }
        }
        _ = try setting.locate()
        #expect(setting.isComplete())
        let starts = setting.hub.script.requests.filter { $0.isStorage && $0.file == etag }.map { $0.start ?? 0 }
        #expect(starts.count == 5 && starts[0] == 0 && zip(starts, starts.dropFirst()).allSatisfy(<), "\(starts)")
        #expect(!setting.blobs.contains { $0.hasSuffix(".incomplete") })
    }

    @Test func anotherCallGoesOn() throws {
        let setting = try HubSetting()
        let bytes = try #require(setting.hub.script.repository.files[Self.shard])
        try setting.leave(Array(bytes.prefix(123_456)), of: Self.shard)
        _ = try setting.locate()
        #expect(setting.isComplete())
        let etag = setting.hub.script.repository.etag(Self.shard)
        let storage = setting.hub.script.requests.filter { $0.isStorage && $0.file == etag }
        #expect(storage.map(\.start) == [123_456])
    }

    @Test func wholeFilesThatAnEarlierCallLeft() throws {
        let setting = try HubSetting()
        try setting.leave(#require(setting.hub.script.repository.files[Self.shard]), of: Self.shard)
        _ = try setting.locate()
        let etag = setting.hub.script.repository.etag(Self.shard)
        #expect(setting.isComplete() && !setting.hub.script.requests.contains { $0.isStorage && $0.file == etag })
    }

    @Test(arguments: [1000, 300_000, 400_000])
    func wrongBytesThatAnEarlierCallLeft(count: Int) throws {
        let setting = try HubSetting()
        try setting.leave(FakeRepository.bytes(count, seed: 77), of: Self.shard)
        _ = try setting.locate()
        #expect(setting.isComplete())
    }

    @Test func hubsThatSendAllInsteadOfTheRest() throws {
        let setting = try HubSetting()
        let bytes = try #require(setting.hub.script.repository.files[Self.shard])
        try setting.leave(Array(bytes.prefix(123_456)), of: Self.shard)
        setting.hub.script.change { request, reply, _ in
            request.isStorage && request.start != nil ? HubReply(body: bytes) : reply
        }
        _ = try setting.locate()
        #expect(setting.isComplete())
    }

    @Test(arguments: [HTTPResponseStatus.rangeNotSatisfiable, .partialContent])
    func hubsThatCannotGoOn(status: HTTPResponseStatus) throws {
        let setting = try HubSetting()
        let bytes = try #require(setting.hub.script.repository.files[Self.shard])
        try setting.leave(Array(bytes.prefix(123_456)), of: Self.shard)
        setting.hub.script.change { request, reply, _ in
            // 206 with a range that was not asked for.
            request.isStorage && request.start != nil
                ? HubReply(status: status, headers: ["Content-Range": "bytes 5-299999/300000"], body: bytes) : reply
        }
        _ = try setting.locate()
        #expect(setting.isComplete())
    }

    @Test func hubsThatAnswerSlowly() throws {
        let setting = try HubSetting()
        setting.hub.script.edit { request, reply, _ in
            reply.delay = 10
            reply.pause = request.isStorage ? 0 : 100
        }
        _ = try setting.locate()
        #expect(setting.isComplete())
    }

    @Test func hubsThatStopAnswering() throws {
        let setting = try HubSetting()
        let etag = setting.hub.script.repository.etag(Self.shard)
        setting.hub.script.edit { request, reply, count in
            // Longer than the client waits.
            if request.isStorage, request.file == etag, count == 0 { reply.pause = 5000 }
        }
        _ = try setting.locate()
        #expect(setting.isComplete())
    }

    @Test func wrongContents() throws {
        let setting = try HubSetting()
        let etag = setting.hub.script.repository.etag(Self.shard)
        setting.hub.script.edit { request, reply, _ in
            if request.isStorage, request.file == etag { reply.body[7] ^= 1 }
        }
        let refusal = "\(try #require(setting.refusal()))"
        #expect(refusal.contains(Self.shard) && refusal.contains("its SHA-256 is"), "\(refusal)")
        #expect(!setting.blobs.contains(etag) && !FileSystem.exists(setting.snapshot + "/" + Self.shard))
        #expect(FileSystem.byteCount(of: setting.model + "/blobs/\(etag).incomplete") == 0)
        // No branch points at a commit that is not whole.
        #expect(!FileSystem.exists(setting.model + "/refs/main"))
    }

    @Test func wrongContentsOfSmallFiles() throws {
        let setting = try HubSetting()
        setting.hub.script.edit { request, reply, _ in
            if request.file == "config.json", request.method == .GET { reply.body[0] = UInt8(ascii: "[") }
        }
        #expect("\(try #require(setting.refusal()))".contains("config.json"))
    }

    @Test(arguments: [-1000, 1000])
    func sizesThatAreNotTrue(difference: Int) throws {
        let setting = try HubSetting()
        let size = 300_000 + difference
        setting.hub.script.edit { request, reply, _ in
            if request.file == Self.shard { reply.headers["X-Linked-Size"] = "\(size)" }
        }
        #expect("\(try #require(setting.refusal()))".contains("come where \(size) should"))
    }

    @Test func anotherProcessAtWork() throws {
        let setting = try HubSetting()
        let etag = setting.hub.script.repository.etag(Self.shard)
        let path = setting.folder + "/hub/.locks/models--acme--tiny/\(etag).lock"
        try FileSystem.createFolders(FileSystem.parent(of: path))
        let watcher = LockWatcher(try FileLock(path: path, waits: false))
        let found = try ModelLocation.path(of: "acme/tiny", settings: setting.settings(), progress: watcher)
        #expect(found == setting.snapshot)
        #expect(setting.isComplete() && watcher.wasTold)
    }

    @Test func cancelledAndCalledAgain() async throws {
        let setting = try HubSetting()
        setting.hub.script.edit { request, reply, _ in
            if request.isStorage { reply.delay = 100 }
        }
        let settings = try setting.settings()
        let client = HubClient(settings: settings)
        let model = try #require(HubModel("acme/tiny"))
        let cache = HubCache(root: settings.cache, repository: model.repository)
        let log = setting.log
        let task = Task {
            try await ModelDownload(model: model, client: client, cache: cache, reporter: log).run(attempts: 1)
        }
        func hasBegun() -> Bool {
            setting.blobs.contains {
                $0.hasSuffix(".incomplete") && FileSystem.byteCount(of: setting.model + "/blobs/" + $0) > 0
            }
        }
        for _ in 0..<1000 where !hasBegun() { try await Task.sleep(for: .milliseconds(10)) }
        task.cancel()
        await #expect(throws: InterruptedError.self) { try await task.value }
        #expect(!FileSystem.exists(setting.model + "/refs/main"))
        Self.close(client)
        setting.hub.script.reset()
        _ = try setting.locate()
        #expect(setting.isComplete())
        #expect(setting.hub.script.requests.contains { $0.isStorage && ($0.start ?? 0) > 0 })
    }

    private static func close(_ client: HubClient) { client.close() }
}

/// Lets go of a lock when it is told that somebody waits for it.
private final class LockWatcher: ProgressReporter {
    private let lock: Mutex<FileLock?>

    init(_ lock: FileLock) { self.lock = Mutex(lock) }

    var wasTold: Bool { lock.withLock { $0 == nil } }

    func report(stage: String, completed: Int, total: Int, unit: String) {}
    func note(_ message: String) { lock.withLock { $0 = nil } }
}
