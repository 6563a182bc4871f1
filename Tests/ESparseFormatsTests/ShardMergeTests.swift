// Output shards by size: which tensors go into which file, and merging that is cut off at any point.

import ESparseCore
import ESparseFormats
import FoundationEssentials
import Testing

@Suite struct ShardMergeTests {
    private static let blockCount = 3

    private static func entry(_ name: String, _ count: Int) -> SafetensorsLayout.Entry {
        SafetensorsLayout.Entry(name: name, elementType: .bfloat16, shape: [count])
    }

    @Test func filesEndWhereTheNextTensorWouldNotFit() throws {
        // Bytes: 10, 10, 4, 30, 2 with at most 20 a file; the large one has a file of its own.
        let sizes = [("a", 5), ("b", 5), ("c", 2), ("d", 15), ("e", 1)]
        let plan = try ShardPlan(sizes.map { Self.entry($0.0, $0.1) }, byteLimit: 20, path: "x")
        #expect(plan.shards.map { $0.entries.map(\.name) } == [["a", "b"], ["c"], ["d"], ["e"]])
        #expect(plan.shards.map(\.name).first == "model-00001-of-00004.safetensors")
        let index = try JSONParser.parse(#require(plan.index))
        #expect(index["metadata"]?["total_size"]?.integer == 56)
        #expect(index["weight_map"]?["d"]?.text == "model-00003-of-00004.safetensors")
        let single = try ShardPlan([Self.entry("a", 5)], byteLimit: 1, path: "x")
        #expect(single.shards.map(\.name) == ["model.safetensors"] && single.index == nil)
        #expect(throws: FormatError.duplicateTensor(path: "x", name: "a")) {
            try ShardPlan([Self.entry("a", 1), Self.entry("a", 1)], path: "x")
        }
    }

    private static func writer(_ output: String, resumes: Bool = false) throws -> SparseCheckpointWriter {
        let run = SparseCheckpointTests.run
        // A packed linear of 32 + 2 + 16 + 32 bytes: no two fit in a file.
        return resumes
            ? try SparseCheckpointWriter(resuming: output, blockCount: blockCount, run: run, shardByteLimit: 100)
            : try SparseCheckpointWriter(output: output, blockCount: blockCount, run: run, shardByteLimit: 100)
    }

    private static func writeAll(_ output: String) throws -> SparseCheckpointWriter {
        let writer = try writer(output)
        try SparseCheckpointTests.writeOuter(to: writer)
        for index in 0..<blockCount { try SparseCheckpointTests.writeBlock(index, to: writer) }
        return writer
    }

    private static func finish(_ writer: SparseCheckpointWriter) throws {
        try writer.finish(configuration: Array("{}".utf8), files: [:])
    }

    private static func merge(_ output: String) -> ShardMerge {
        let units = [CheckpointUnit.outer] + (0..<blockCount).map { .block($0) }
        return ShardMerge(
            runFolder: output + ".partial", shardFolder: output + ".partial/checkpoint",
            units: units.map(SparseCheckpointWriter.fileName), byteLimit: 100)
    }

    @Test func largeOutputsHaveSeveralFiles() throws {
        let folder = try TemporaryFolder()
        let output = folder.path + "/pruned"
        try Self.finish(Self.writeAll(output))
        let files = (1...3).map { "model-0000\($0)-of-00003.safetensors" }
        #expect(
            try FileSystem.names(in: output)
                == ["README.md", "config.json", "esparse.json"] + files + ["model.safetensors.index.json"])
        let checkpoint = try Checkpoint.open(output)
        for index in 0..<Self.blockCount {
            let weight = try checkpoint.weights.linearWeight("model.layers.\(index).mlp.down_proj.weight")
            #expect(weight.permutation?.order == [7, 0, 3, 5, 1, 2, 6, 4])
            guard case .sparse(let matrix) = weight.matrix else {
                Issue.record("block \(index) is not packed")
                continue
            }
            #expect(try matrix.values.floats() == [1, 4, 6, 7, -1, 0, -7, -8])
        }
        #expect(try checkpoint.weights.tensor("model.norm.weight").floats() == [1, 2])
    }

    /// What a merge that is killed can leave: shards without a marker, and a marker with some units merged.
    @Test(arguments: -1...blockCount + 1) func aMergeThatWasCutOffGoesOn(_ mergedCount: Int) throws {
        let folder = try TemporaryFolder()
        let (whole, killed) = (folder.path + "/whole", folder.path + "/killed")
        try Self.finish(Self.writeAll(whole))

        _ = try Self.writeAll(killed)
        let merge = Self.merge(killed)
        try merge.begin()
        if mergedCount < 0 {
            // Killed before the marker: the shards count for nothing, whatever is in them.
            try FileSystem.remove(killed + ".partial/" + ShardMerge.markerName)
            try FileSystem.writeDurably([1, 2], to: killed + ".partial/checkpoint/model-00009-of-00009.safetensors")
        }
        for unit in merge.units.prefix(max(0, mergedCount)) { try merge.merge(unit) }
        if mergedCount >= 1, mergedCount <= Self.blockCount {
            // Killed while the next unit was copied: some of its bytes are wrong, and its file is still there.
            try Self.spoil(
                "model.layers.\(mergedCount - 1).mlp.down_proj.compressed", in: killed + ".partial/checkpoint")
        }
        let resumed = try Self.writer(killed, resumes: true)
        #expect(resumed.isComplete(.outer) && resumed.completedBlockCount == Self.blockCount)
        try Self.finish(resumed)
        #expect(try SparseCheckpointTests.contents(whole) == SparseCheckpointTests.contents(killed))
        #expect(try FileSystem.names(in: folder.path) == ["killed", "whole"])
    }

    @Test func aUnitThatWasMergedTwiceIsTheSame() throws {
        let folder = try TemporaryFolder()
        let (whole, killed) = (folder.path + "/whole", folder.path + "/killed")
        try Self.finish(Self.writeAll(whole))
        _ = try Self.writeAll(killed)
        let merge = Self.merge(killed)
        try merge.begin()
        // Killed between synchronising the shards and removing the unit's file.
        let path = killed + ".partial/" + merge.units[1]
        let bytes = try FileSystem.read(path)
        try merge.merge(merge.units[1])
        try FileSystem.writeDurably(bytes, to: path)
        try Self.finish(Self.writer(killed, resumes: true))
        #expect(try SparseCheckpointTests.contents(whole) == SparseCheckpointTests.contents(killed))
    }

    @Test func theDiskHoldsEveryWeightOnce() throws {
        let folder = try TemporaryFolder()
        let output = folder.path + "/pruned"
        _ = try Self.writeAll(output)
        let merge = Self.merge(output)
        try merge.begin()
        for (index, unit) in merge.units.enumerated() {
            #expect(merge.pendingUnits == Array(merge.units[index...]))
            try merge.merge(unit)
        }
        #expect(merge.pendingUnits.isEmpty && merge.hasBegun)
    }

    /// Overwrites a tensor's bytes.
    private static func spoil(_ name: String, in folder: String) throws {
        for shard in try FileSystem.names(in: folder) {
            let file = try SafetensorsFile(path: folder + "/" + shard)
            guard let entry = file.entries[name] else { continue }
            let writable = try WritableFile(opening: file.path)
            try writable.write([UInt8](repeating: 0xAB, count: entry.byteRange.count), at: entry.byteRange.lowerBound)
            try writable.close()
            return
        }
        Issue.record("no shard has \(name)")
    }
}
