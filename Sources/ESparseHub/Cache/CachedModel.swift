// Whether the cache has all files of a model, without asking the hub.

import ESparseFormats

/// A model's files in the cache.
package struct CachedModel: Sendable {
    private let cache: HubCache
    private let model: HubModel
    /// The commit whose files these are.
    package let commit: String

    /// Finds the commit that the model's revision last was; nil where the cache does not know it.
    package init?(_ model: HubModel, in cache: HubCache) {
        guard let commit = cache.commit(of: model.revision) else { return nil }
        self.init(model, commit: commit, in: cache)
    }

    /// Takes a commit that is known.
    package init(_ model: HubModel, commit: String, in cache: HubCache) {
        self.cache = cache
        self.model = model
        self.commit = commit
    }

    /// The folder or file that a checkpoint is opened from.
    package var path: String { cache.snapshot(commit) + (model.file.map { "/" + $0 } ?? "") }

    /// Whether a file is there.
    package func has(_ file: String) -> Bool { FileSystem.exists(cache.snapshot(commit) + "/" + file) }

    /// Whether nothing that the hub may have for this model is missing: each other file is there, or known not to exist.
    package var isWhole: Bool {
        opens && (model.file != nil || NeededFiles.known.allSatisfy { has($0) || cache.isAbsent($0, commit: commit) })
    }

    /// Whether the configuration and all weights are there, which is what can be told where the hub cannot be asked.
    package var opens: Bool {
        if let file = model.file { return NeededFiles.parts(of: file).allSatisfy(has) }
        guard has("config.json"), let names = try? FileSystem.names(in: cache.snapshot(commit)),
            let weights = try? NeededFiles.weights(in: Set(names), of: model)
        else { return false }
        switch weights {
        case .files(let names): return names.allSatisfy(has)
        case .index(let name): return (try? NeededFiles.shards(inIndexAt: path + "/" + name))?.allSatisfy(has) ?? false
        }
    }
}
