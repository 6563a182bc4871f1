// A cache that several processes fill at the same time, Python's huggingface_hub among them.

import ESparseCore
import ESparseFormats
import ESparseHub
import FoundationEssentials
import Testing

@Suite(.serialized) struct SharingTests {
    @Test func clientsAtOnce() async throws {
        let setting = try HubSetting()
        let settings = try setting.settings()
        let model = try #require(HubModel("acme/tiny"))
        let cache = HubCache(root: settings.cache, repository: model.repository)
        let log = setting.log
        let clients = (0..<8).map { _ in HubClient(settings: settings) }
        // Paths, or the sentences that calls ended in.
        let outcomes = await withTaskGroup(of: String.self) { group -> [String] in
            for client in clients {
                group.addTask {
                    let download = ModelDownload(model: model, client: client, cache: cache, reporter: log)
                    do { return try await download.run(attempts: 3).path } catch { return "\(error)" }
                }
            }
            var outcomes: [String] = []
            for await outcome in group { outcomes.append(outcome) }
            return outcomes
        }
        Self.close(clients)
        #expect(outcomes == Array(repeating: setting.snapshot, count: clients.count))
        #expect(setting.isComplete())
        let commit = setting.hub.script.repository.commit
        // Nothing is left on its way to its name, and the copy is known to be whole.
        #expect(setting.blobs == FakeRepository.neededOfSharded.map(setting.hub.script.repository.etag).sorted())
        #expect(try FileSystem.names(in: setting.snapshot) == FakeRepository.neededOfSharded)
        #expect(try FileSystem.names(in: setting.model + "/refs") == ["main"])
        let absent = try FileSystem.names(in: setting.model + "/.no_exist/" + commit)
        #expect(absent == NeededFiles.known.filter { setting.hub.script.repository.files[$0] == nil }.sorted())
        setting.hub.script.reset()
        #expect(try setting.locate("acme/tiny@" + commit) == setting.snapshot)
        #expect(setting.hub.script.requests.isEmpty)
    }

    private static func close(_ clients: [HubClient]) { for client in clients { client.close() } }

    @Test func temporaryNamesOfOthersAreLeftAlone() throws {
        let setting = try HubSetting()
        let commit = setting.hub.script.repository.commit
        // Folders, so that whoever took one of these names would fail.
        let others = [
            "/.no_exist/\(commit)/vocab.json.partial", "/refs/main.partial", "/snapshots/\(commit)/config.json.partial",
            "/snapshots/\(commit)/config.json.\(ProcessInfo.processInfo.processIdentifier).partial",
        ].map { setting.model + $0 }
        for other in others { try FileSystem.createFolders(other) }
        #expect(try setting.locate() == setting.snapshot)
        #expect(setting.isComplete() && others.allSatisfy(FileSystem.isFolder))
        #expect(FileSystem.exists(setting.model + "/.no_exist/\(commit)/vocab.json"))
        #expect(try FileSystem.read(setting.model + "/refs/main") == Array(commit.utf8))
    }

    @Test func aWholeCopyThatCannotBeAddedTo() throws {
        let setting = try HubSetting()
        _ = try setting.locate()
        // As if Python had filled the cache, which does not ask for files that are absent, and the disk were read-only.
        for folder in [setting.model + "/.no_exist", setting.folder + "/hub/.locks"] {
            try FileManager.default.removeItem(atPath: folder)
            try Data().write(to: URL(filePath: folder))
        }
        setting.hub.script.reset()
        #expect(try setting.locate() == setting.snapshot)
        #expect(setting.hub.script.requests.map(\.isListing) == [true])
    }

    @Test func aCacheThatCannotBeWrittenTo() throws {
        let setting = try HubSetting()
        let old = try setting.locate()
        let locks = setting.folder + "/hub/.locks"
        try FileManager.default.removeItem(atPath: locks)
        try Data().write(to: URL(filePath: locks))
        var changed = setting.hub.script.repository
        changed.commit = String(repeating: "f", count: 40)
        setting.hub.script.repository = changed
        #expect(try setting.locate() == old)
        #expect(setting.log.notes.last?.contains("The copy in the cache is used, commit 0123") == true)
        let refusal = "\(try #require(setting.refusal("acme/tiny@" + changed.commit)))"
        #expect(refusal.contains(locks + ": ") && refusal.contains("set HF_HOME"), "\(refusal)")
    }
}
