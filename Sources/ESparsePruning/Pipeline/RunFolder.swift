// The folder of a run in progress: what a killed run needs to go on where it stopped.

import ESparseCore
import ESparseFormats

/// `OUTPUT.partial`: finished blocks, the calibration tokens, the residual stream's order and hidden states.
///
/// Hidden states alternate between two files, so that a block that is killed half-way leaves its inputs whole.
struct RunFolder: Sendable {
    let writer: SparseCheckpointWriter
    private var path: String { writer.partialPath }
    private var tokensPath: String { path + "/calibration.i32" }

    /// Starts a run, or goes on with an unfinished one.
    ///
    /// - Throws: `FormatError` as `SparseCheckpointWriter`.
    init(output: String, blockCount: Int, run: PruningRun, resume: Bool) throws {
        if resume {
            writer = try SparseCheckpointWriter(resuming: output, blockCount: blockCount, run: run)
        } else {
            writer = try SparseCheckpointWriter(output: output, blockCount: blockCount, run: run)
        }
    }

    /// The calibration set of the run: the stored one, or a new one that is stored before it is used.
    func calibration(
        sampleCount: Int, sequenceLength: Int, make: () throws -> CalibrationSet
    ) throws -> CalibrationSet {
        if FileSystem.exists(tokensPath),
            let stored = CalibrationSet(
                littleEndian: try FileSystem.read(tokensPath), sequenceLength: sequenceLength),
            stored.sequences.count == sampleCount
        {
            return stored
        }
        let made = try make()
        try FileSystem.writeDurably(made.littleEndianBytes, to: tokensPath)
        return made
    }

    /// The order of the residual stream's `channels`: the stored one, or a new one that is stored before it is used.
    func residualOrder(channels: Int, search: () throws -> Permutation) throws -> Permutation {
        let path = path + "/residual-order.i32"
        if let stored = try OrderFile.read(path, count: channels, runLength: channels) { return stored }
        // What is finished was pruned in that order, which a new search need not find again.
        guard !writer.isComplete(.outer) else { throw PruningError.damagedOrder(path: path, channels: channels) }
        let found = try search()
        try OrderFile.write(found, to: path)
        return found
    }

    /// The file of the inputs of block `block`, which are the outputs of the block before.
    func hiddenStates(before block: Int, sequenceCount: Int, valuesPerSequence: Int) throws -> HiddenStateFile {
        try HiddenStateFile(
            path: hiddenStatesPath(block), sequenceCount: sequenceCount, valuesPerSequence: valuesPerSequence)
    }

    /// Removes the hidden states, which a run whose blocks are all durable needs no more, so that merging has their room.
    func removeHiddenStates() throws {
        for parity in 0..<2 { try FileSystem.remove(hiddenStatesPath(parity)) }
    }

    private func hiddenStatesPath(_ block: Int) -> String { "\(path)/hidden-\(block % 2).f32" }

    /// Removes the folder where a run that ended with `error` left nothing worth going on with.
    ///
    /// A run that was interrupted or ran out of disk keeps its calibration tokens: the model may have taken long to write
    /// them.
    func discardIfWorthless(after error: any Error) {
        guard writer.completedBlockCount == 0 else { return }
        if error is InterruptedError || error is FileError, FileSystem.exists(tokensPath) { return }
        // The error that stopped the run is the one to report; a folder that cannot be removed is refused by the next run.
        try? writer.discard()
    }
}
