// Fetches the files of a model that the cache lacks, several at once.

package import ESparseCore
import ESparseFormats

/// The download of a model.
package struct ModelDownload: Sendable {
    private let model: HubModel
    private let client: HubClient
    private let cache: HubCache
    private let reporter: any ProgressReporter

    /// Files that are fetched at the same time.
    private static let filesAtOnce = 4
    /// Files that the hub is asked about at the same time.
    private static let questionsAtOnce = 8

    /// Describes a download; `reporter` is told of its progress.
    package init(model: HubModel, client: HubClient, cache: HubCache, reporter: any ProgressReporter) {
        self.model = model
        self.client = client
        self.cache = cache
        self.reporter = reporter
    }

    /// Brings the cache up to date with the revision.
    ///
    /// - Parameter attempts: of the first request; one where the cache has a copy to fall back on.
    /// - Returns: the model in the cache.
    /// - Throws: `HubError`; `FormatError` for a damaged index; `FileError`; `InterruptedError`.
    package func run(attempts: Int) async throws -> CachedModel {
        let listing = try await client.repeating(attempts: attempts, progress: reporter) {
            try await Listing.fetch(model, by: client)
        }
        let cached = CachedModel(model, commit: listing.commit, in: cache)
        if !cached.isWhole { try await fetchFiles(of: listing, into: cached) }
        // Only now: an older copy of the branch stays usable until this one is complete. The cache may be read-only.
        try? cache.remember(listing.commit, as: model.revision)
        return cached
    }

    private func fetchFiles(of listing: Listing, into cached: CachedModel) async throws {
        var files: [String]
        if let file = model.file {
            files = NeededFiles.parts(of: file)
        } else {
            guard listing.names.contains("config.json") else {
                throw HubError.unsuitable(model: model.description, reason: try reasonWithoutConfiguration(listing))
            }
            files = NeededFiles.describing(in: listing.names)
            switch try NeededFiles.weights(in: listing.names, of: model) {
            case .files(let weights): files += weights
            case .index(let index):
                // Small, and not worth a line of its own.
                try await fetch([index], into: cached, reporter: SilentProgress())
                files += try NeededFiles.shards(inIndexAt: cached.path + "/" + index)
            }
            for file in NeededFiles.known where !listing.names.contains(file) {
                // Saves a question later on, no more. Where Python filled the cache, it may be read-only.
                try? cache.rememberAbsence(of: file, commit: listing.commit)
            }
        }
        if let missing = files.first(where: { !listing.names.contains($0) || !FileSystem.isContained($0) }) {
            throw HubError.noSuchFile(repository: model.repository, file: missing)
        }
        try await fetch(files, into: cached, reporter: reporter)
    }

    /// Names GGUF files where there are any.
    private func reasonWithoutConfiguration(_ listing: Listing) throws -> String {
        do {
            _ = try NeededFiles.weights(in: listing.names, of: model)
            return "has no config.json"
        } catch HubError.unsuitable(_, let reason) {
            return reason
        }
    }

    /// Fetches files that are not there, after the disk was found to have room for them.
    private func fetch(
        _ names: [String], into cached: CachedModel, reporter: any ProgressReporter
    ) async throws {
        let missing = names.filter { !cached.has($0) }
        guard !missing.isEmpty else { return }
        try cache.prepare()
        let files = try await sideBySide(missing, atOnce: Self.questionsAtOnce) { name in
            try await client.repeating(attempts: client.settings.patience.attempts, progress: reporter) {
                try await RemoteFile.describe(name, of: model, commit: cached.commit, by: client)
            }
        }
        // One file may have several names, and another commit the same file.
        let absent = Dictionary(files.map { ($0.digest, $0) }) { first, _ in first }.values.filter { !cache.has($0) }
        let needed = try byteCount(of: absent) { FileSystem.byteCount(of: cache.incompleteBlob($0.digest)) }
        let free = try FileSystem.freeBytes(in: cache.folder)
        guard needed <= free else {
            throw HubError.diskTooSmall(what: model.description, needed: needed, free: free, folder: cache.root)
        }
        let progress = DownloadProgress(
            model: model, byteCount: try byteCount(of: absent) { _ in 0 }, reporter: reporter)
        // The largest first, so that none is left alone at the end.
        _ = try await sideBySide(absent.sorted { $0.byteCount > $1.byteCount }, atOnce: Self.filesAtOnce) { file in
            try await FileDownload(client: client, cache: cache, model: model, file: file, progress: progress).run()
        }
        for file in files { try cache.show(file.digest, as: file.name, commit: cached.commit) }
    }

    /// The bytes of files, less those of each that are there.
    private func byteCount(of files: [RemoteFile], less isThere: (RemoteFile) -> Int) throws(HubError) -> Int {
        var sum = 0
        for file in files {
            let (next, overflow) = sum.addingReportingOverflow(max(0, file.byteCount - isThere(file)))
            guard !overflow else { throw .invalidAnswer(about: file.name, reason: "it claims \(file.byteCount) bytes") }
            sum = next
        }
        return sum
    }
}

/// Calls `body` for each item, for so many at a time; the first error ends all. Results are in the items' order.
func sideBySide<Item: Sendable, Output: Sendable>(
    _ items: [Item], atOnce limit: Int, _ body: @escaping @Sendable (Item) async throws -> Output
) async throws -> [Output] {
    try await withThrowingTaskGroup(of: (Int, Output).self) { group in
        var waiting = items.enumerated().makeIterator()
        var outputs: [(place: Int, output: Output)] = []
        func start() {
            guard let (place, item) = waiting.next() else { return }
            group.addTask { (place, try await body(item)) }
        }
        for _ in 0..<limit { start() }
        while let output = try await group.next() {
            outputs.append(output)
            start()
        }
        return outputs.sorted { $0.place < $1.place }.map(\.output)
    }
}
