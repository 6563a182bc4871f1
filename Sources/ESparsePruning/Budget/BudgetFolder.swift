// The folder of a search for what to leave dense: finished runs, measured figures and tokens, for going on after a stop.

import ESparseCore
import ESparseFormats
import ESparseModels
import FoundationEssentials

/// `OUTPUT.budget`: the runs of the search, each a folder as `esparse prune` writes it, and what was measured on them.
final class BudgetFolder {
    /// What was measured so far; searching again from the start finds everything here up to where it stopped.
    private struct Figures: Codable {
        var trials: [BudgetRecord.Trial] = []
        /// Output error of each site, by pattern.
        var errors: [String: [Double]] = [:]
    }

    private let output: String
    private let path: String
    private let lock: FolderLock
    private var figures = Figures()

    /// Starts a search, or goes on with an unfinished one of the same description.
    ///
    /// - Throws: `FormatError.outputExists`, `.unfinishedRun`, `.runInProgress` or `.changedRun`; `FileError`.
    init(output: String, run: PruningRun, resume: Bool) throws {
        self.output = FileSystem.trimmed(output)
        path = self.output + ".budget"
        guard !FileSystem.exists(self.output) else { throw FormatError.outputExists(path: self.output) }
        if !FileSystem.exists(path) {
            try FileSystem.createFolder(path)
        } else if !resume {
            throw FormatError.unfinishedRun(path: path)
        }
        lock = try FolderLock(folder: path)
        let runPath = path + "/run.json"
        if FileSystem.exists(runPath) {
            let earlier = try JSONDecoder().decode(PruningRun.self, from: Data(FileSystem.read(runPath)))
            guard earlier == run else {
                throw FormatError.changedRun(path: path, differences: run.differences(from: earlier))
            }
            if FileSystem.exists(figuresPath) {
                figures = try JSONDecoder().decode(Figures.self, from: Data(FileSystem.read(figuresPath)))
            }
        } else {
            try FileSystem.writeDurably(Array(JSONEncoder().encode(run)), to: runPath)
        }
    }

    private var figuresPath: String { path + "/figures.json" }

    /// Where a run of the search goes.
    func run(_ name: String) -> String { path + "/" + name }

    /// A file of the search.
    func file(_ name: String) -> String { path + "/" + name }

    /// All losses measured so far, in order.
    var trials: [BudgetRecord.Trial] { figures.trials }

    /// A loss: the one measured before the search was stopped, or a new one, which is kept.
    func loss(
        _ pattern: SparsityPattern?, denseSites: Int, isAssembled: Bool, measure: () throws -> Double
    ) throws -> Double {
        let known = figures.trials.first {
            $0.pattern == pattern && $0.denseSites == denseSites && $0.isAssembled == isAssembled
        }
        if let known { return known.loss }
        let loss = try measure()
        figures.trials.append(
            BudgetRecord.Trial(pattern: pattern, denseSites: denseSites, isAssembled: isAssembled, loss: loss))
        try store()
        return loss
    }

    /// The sites' output errors with a pattern: those measured before the search was stopped, or new ones, which are kept.
    func errors(_ pattern: SparsityPattern, measure: () throws -> [Double]) throws -> [Double] {
        if let known = figures.errors[pattern.description] { return known }
        let errors = try measure()
        figures.errors[pattern.description] = errors
        try store()
        return errors
    }

    private func store() throws {
        try FileSystem.writeDurably(Array(JSONEncoder().encode(figures)), to: figuresPath)
    }

    /// Token sequences: the stored ones, or new ones that are stored before they are used.
    func sequences(_ name: String, length: Int, make: () throws -> CalibrationSet) throws -> CalibrationSet {
        let path = file(name + ".i32")
        if FileSystem.exists(path),
            let stored = CalibrationSet(littleEndian: try FileSystem.read(path), sequenceLength: length)
        {
            return stored
        }
        let made = try make()
        try FileSystem.writeDurably(made.littleEndianBytes, to: path)
        return made
    }

    /// Stores the orders of rows that stand for shuffled channels of a block's sites, by the site's name.
    func store(orderedRows: [String: Permutation], of block: Int, run: String) throws {
        for (site, order) in orderedRows {
            try OrderFile.write(order, to: orderPath(of: site, block: block, run: run))
        }
    }

    /// The stored orders of rows of a block's sites, by name; none for a site whose channels keep theirs.
    ///
    /// - Parameter producers: of a site whose channels' order may lie in rows.
    func orderedRows(
        of sites: [InputSite], block: Int, run: String, producers: (InputSite) -> ChannelProducers?
    ) throws -> [String: Permutation] {
        var orders: [String: Permutation] = [:]
        for site in sites {
            guard let rows = producers(site) else { continue }
            // Searches that began before sites had names left one file a block, of its one site of this kind.
            let paths = [orderPath(of: site.name, block: block, run: run), file("\(run)-order-\(block).i32")]
            guard let path = paths.first(where: FileSystem.exists) else { continue }
            orders[site.name] = try OrderFile.read(path, count: rows.rowCount, runLength: rows.runLength)
        }
        return orders
    }

    private func orderPath(of site: String, block: Int, run: String) -> String {
        file("\(run)-order-\(block)-\(site).i32")
    }

    /// Stores the order of the residual stream in a run.
    func store(residualOrder: Permutation, run: String) throws {
        try OrderFile.write(residualOrder, to: file("\(run)-residual-order.i32"))
    }

    /// The order of the residual stream in a run; nil where it keeps its own.
    func residualOrder(run: String, channels: Int) throws -> Permutation? {
        try OrderFile.read(file("\(run)-residual-order.i32"), count: channels, runLength: channels)
    }

    /// Gives a finished run the output's name and removes everything else; `origin` is for its model card.
    func finish(_ run: String, manifest: SparseManifest, origin: ModelOrigin) throws {
        let card = ModelCard(manifest: manifest, origin: origin)
        try FileSystem.writeDurably(manifest.json(), to: self.run(run) + "/" + SparseManifest.fileName)
        try FileSystem.writeDurably(card.markdown, to: self.run(run) + "/" + ModelCard.fileName)
        guard !FileSystem.exists(output) else { throw FormatError.outputExists(path: output) }
        try FileSystem.rename(self.run(run), to: output)
        try remove()
    }

    /// Removes the folder where a search that ended with `error` left nothing worth going on with.
    func discardIfWorthless(after error: any Error) {
        // A search that cannot succeed would come to the same end again.
        if error is InterruptedError || error is FileError || !(error is PruningError) && !figures.trials.isEmpty {
            return
        }
        // The error that stopped the search is the one to report.
        try? remove()
    }

    private func remove() throws { try Self.remove(path) }

    private static func remove(_ folder: String) throws {
        for name in try FileSystem.names(in: folder) {
            let path = folder + "/" + name
            if FileSystem.isFolder(path) { try remove(path) } else { try FileSystem.remove(path) }
        }
        try FileSystem.removeEmptyFolder(folder)
    }
}
