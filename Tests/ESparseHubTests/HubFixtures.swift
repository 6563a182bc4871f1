// A cache folder with a loopback hub to fill it, and what tests look at.

import ESparseCore
import ESparseFormats
import ESparseHub
import FoundationEssentials
import Synchronization

/// A hub, a cache and settings.
final class HubSetting {
    let hub: LoopbackHub
    let folder: String
    let log = ProgressLog()
    /// Variables beside those that name the hub and the cache.
    var environment: [String: String] = [:]

    init(_ repository: FakeRepository = .sharded) throws {
        hub = try LoopbackHub(repository)
        let url = FileManager.default.temporaryDirectory.appending(path: "esparse-hub-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        folder = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// The cache of the repository.
    var model: String {
        folder + "/hub/models--" + hub.script.repository.name.split(separator: "/").joined(separator: "--")
    }

    var snapshot: String { model + "/snapshots/" + hub.script.repository.commit }

    func settings() throws -> HubSettings {
        let own = ["HF_ENDPOINT": hub.address, "HF_HOME": folder, "HOME": folder]
        var settings = try HubSettings(environment: own.merging(environment) { $1 })
        settings.patience.betweenAttempts = 0.01
        settings.patience.answering = 2
        settings.patience.betweenLocks = 0.02
        return settings
    }

    /// Where a model is, fetched where it must be.
    func locate(_ argument: String = "acme/tiny") throws -> String {
        try ModelLocation.path(of: argument, settings: settings(), progress: log)
    }

    /// The error of a call that must fail.
    func refusal(_ argument: String = "acme/tiny") -> (any Error)? {
        do {
            _ = try locate(argument)
            return nil
        } catch {
            return error
        }
    }

    /// Makes the first bytes of a large file look as if an earlier call had left them.
    func leave(_ bytes: [UInt8], of file: String) throws {
        let path = model + "/blobs/" + hub.script.repository.etag(file) + ".incomplete"
        try FileSystem.createFolders(FileSystem.parent(of: path))
        try Data(bytes).write(to: URL(filePath: path))
    }

    /// Names of all files that lie in the cache's `blobs`.
    var blobs: [String] { (try? FileSystem.names(in: model + "/blobs")) ?? [] }

    /// Whether all needed files are there with their contents.
    func isComplete(_ names: [String] = FakeRepository.neededOfSharded) -> Bool {
        names.allSatisfy { (try? FileSystem.read(snapshot + "/" + $0)) == hub.script.repository.files[$0] }
    }
}

/// Keeps what was reported.
final class ProgressLog: ProgressReporter {
    private let state = Mutex<(notes: [String], reports: [(completed: Int, total: Int)])>(([], []))

    func report(stage: String, completed: Int, total: Int, unit: String) {
        state.withLock { $0.reports.append((completed, total)) }
    }

    func note(_ message: String) { state.withLock { $0.notes.append(message) } }

    var notes: [String] { state.withLock { $0.notes } }
    var reports: [(completed: Int, total: Int)] { state.withLock { $0.reports } }
}
