// What a command's MODEL means: a path that exists, or else a model of the hub, which is fetched into the cache.

import Dispatch
public import ESparseCore
import ESparseFormats
import FoundationEssentials
import Synchronization

/// Resolves what the user calls MODEL.
public enum ModelLocation {
    /// The folder or file to open.
    ///
    /// A path that exists is taken as it is, as is what cannot name a model on a hub. The environment is huggingface_hub's:
    /// `HF_HOME`, `HF_HUB_CACHE`, `HF_TOKEN`, `HF_ENDPOINT`, `HF_HUB_OFFLINE`, `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`.
    /// A whole commit that the cache has costs no request. Where the hub cannot be asked, a copy in the cache is used, with a
    /// note. The calling thread waits; no thread of the download is left at the end.
    ///
    /// - Parameters:
    ///   - argument: a path, or `org/name[/file.gguf][@revision]`.
    ///   - progress: is told of a download, and of notes.
    /// - Throws: `HubError`, `FormatError`, or `FileError` for a token's file, one sentence each; `InterruptedError`.
    public static func path(of argument: String, progress: any ProgressReporter) throws -> String {
        try path(
            of: argument, settings: try HubSettings(environment: ProcessInfo.processInfo.environment),
            progress: progress)
    }

    /// The same with settings of one's own, which tests need.
    ///
    /// - Throws: as above.
    package static func path(
        of argument: String, settings: @autoclosure () throws -> HubSettings, progress: any ProgressReporter
    ) throws -> String {
        guard !FileSystem.exists(argument), let model = HubModel(argument) else { return argument }
        let settings = try settings()
        let cache = HubCache(root: settings.cache, repository: model.repository)
        let cached = CachedModel(model, in: cache)
        if let cached, model.isPinned, cached.isWhole { return cached.path }
        let copy = cached.flatMap { $0.opens ? $0 : nil }
        if settings.isOffline {
            guard let copy else { throw HubError.notCached(model: model.description, folder: settings.cache) }
            return copy.path
        }
        let client = HubClient(settings: settings)
        defer { client.close() }
        do {
            let download = ModelDownload(model: model, client: client, cache: cache, reporter: progress)
            return try waiting { try await download.run(attempts: copy == nil ? settings.patience.firstAttempts : 1) }
                .path
        } catch let error as InterruptedError {
            progress.note("Interrupted; the same command goes on with what was fetched")
            throw error
        } catch {
            guard let refusal = Self.refusal(error, cache: settings.cache) else { throw error }
            if case .noSuchRevision(let repository, let revision, _) = refusal {
                throw HubError.noSuchRevision(repository: repository, revision: revision, isCached: copy != nil)
            }
            guard let copy, refusal.leavesCachedCopyValid else {
                // Who mistyped a path should not look for the mistake in the network.
                if case .unreachable = refusal {
                    progress.note(
                        "Note: \(argument) is no folder or file here, so it was looked for on \(settings.name)")
                }
                throw refusal
            }
            progress.note("Note: \(refusal). The copy in the cache is used, commit \(copy.commit)")
            return copy.path
        }
    }

    /// The hub's error that an error is or means; nil for any other.
    private static func refusal(_ error: any Error, cache: String) -> HubError? {
        if let error = error as? FileError { return .unusableCache(folder: cache, problem: "\(error)") }
        return error as? HubError
    }

    /// Runs asynchronous work on threads of its own, and waits for it.
    ///
    /// - Throws: what `work` throws; `InterruptedError` soon after the user asked to stop.
    static func waiting<Output: Sendable>(
        _ work: @escaping @Sendable () async throws -> Output
    ) throws -> Output {
        let done = DispatchSemaphore(value: 0)
        let outcome = Outcome<Output>()
        let task = Task.detached(executorPreference: DownloadExecutor.shared) {
            do {
                let output = try await work()
                outcome.result.withLock { $0 = .success(output) }
            } catch {
                outcome.result.withLock { $0 = .failure(error) }
            }
            done.signal()
        }
        while done.wait(timeout: .now() + .milliseconds(100)) == .timedOut {
            guard Interruption.isRequested else { continue }
            task.cancel()
            _ = done.wait(timeout: .now() + .seconds(2))
            break
        }
        guard let result = outcome.result.withLock({ $0 }) else { throw InterruptedError() }
        return try result.get()
    }

    private final class Outcome<Output: Sendable>: Sendable {
        let result = Mutex<Result<Output, any Error>?>(nil)
    }
}

/// Runs downloads on Dispatch's threads: those of Swift's own executor may all be waiting for the download.
private final class DownloadExecutor: TaskExecutor {
    static let shared = DownloadExecutor()
    private let queue = DispatchQueue(label: "esparse.hub", attributes: .concurrent)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
