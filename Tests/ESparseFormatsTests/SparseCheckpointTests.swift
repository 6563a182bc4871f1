// Packing, the sparse checkpoint's folder, resuming, and packed tensors that lie.

import ESparseCore
import ESparseFormats
import FoundationEssentials
import Testing

@Suite struct SparseCheckpointTests {
    /// 2 x 8 weights, 2:4, with a kept -0.0 in row 1.
    static let values: [Float] = [1, 2, 3, 4, 5, 6, 7, 8, -1, -0.0, -3, -4, 0, -6, -7, -8]
    static let kept = [
        true, false, false, true, false, true, true, false,
        true, true, false, false, false, false, true, true,
    ]

    static func bfloat16(_ values: [Float], shape: [Int]) throws -> Tensor {
        let bits = values.map { BFloat16($0).bitPattern }
        return try Tensor(elementType: .bfloat16, shape: shape, storage: ByteStorage(copying: bits))
    }

    @Test(arguments: [ElementType.float32, .bfloat16]) func packsAndUnpacks(_ type: ElementType) throws {
        let weight =
            type == .float32
            ? try Tensor(Self.values, shape: [2, 8]) : try Self.bfloat16(Self.values, shape: [2, 8])
        let bitmask = try SparseMatrix.bitmask(Self.kept, rows: 2, columns: 8)
        let matrix = try SparseMatrix.compress(weight, bitmask: bitmask, pattern: .twoOfFour)
        #expect(matrix.values.elementType == type)
        let keptBits: [UInt32] = ([1, 4, 6, 7, -1, 0, -7, -8] as [Float]).map(\.bitPattern)
        let storedBits = try matrix.values.floats().map(\.bitPattern)
        #expect(storedBits == keptBits)
        let denseBits = try matrix.decompressed().floats().map(\.bitPattern)
        let expected: [Float] = [1, 0, 0, 4, 0, 6, 7, 0, -1, 0, 0, 0, 0, 0, -7, -8]
        #expect(denseBits == expected.map(\.bitPattern))
    }

    @Test(arguments: [ElementType.float32, .float16, .bfloat16])
    func keptValuesAreTheWeightsBitForBit(_ type: ElementType) throws {
        // A NaN with a payload, an infinity and subnormals.
        let wide: [UInt32] = [0x8000_0001, 0x7FC1_2345, 1, 0x3F80_0001, 0, 0xFF80_0000, 7, 0xBF80_0000]
        let narrow = wide.map { UInt16(truncatingIfNeeded: $0 >> 16 ^ $0) }
        let storage = type == .float32 ? ByteStorage(copying: wide) : ByteStorage(copying: narrow)
        let weight = try Tensor(elementType: type, shape: [2, 4], storage: storage)
        let order = try #require(Permutation([3, 1, 0, 2]))
        let bits = ByteStorage(copying: [0b1001, 0b0110] as [UInt8])
        let bitmask = try Tensor(elementType: .uint8, shape: [2, 1], storage: bits)
        let matrix = try SparseMatrix.compress(weight, bitmask: bitmask, pattern: .twoOfFour, permutation: order)
        #expect(matrix.values.shape == [2, 2] && matrix.values.elementType == type)
        // Row 0 keeps stored columns 0 and 3 (channels 3 and 2); row 1 keeps 1 and 2 (channels 1 and 0).
        unsafe matrix.values.withUnsafeBytes { bytes in
            for (index, element) in [3, 2, 5, 4].enumerated() {
                if type == .float32 {
                    #expect(unsafe bytes.load(fromByteOffset: index * 4, as: UInt32.self) == wide[element])
                } else {
                    #expect(unsafe bytes.load(fromByteOffset: index * 2, as: UInt16.self) == narrow[element])
                }
            }
        }
    }

    @Test func permutationsGoThereAndBack() throws {
        let order = try #require(Permutation([7, 0, 3, 5, 1, 2, 6, 4]))
        let weight = try Tensor(Self.values, shape: [2, 8])
        let bitmask = try SparseMatrix.bitmask(Self.kept, rows: 2, columns: 8)
        let matrix = try SparseMatrix.compress(weight, bitmask: bitmask, pattern: .twoOfFour, permutation: order)
        // Row 0 keeps stored columns 0, 3, 5, 6: original channels 7, 5, 2, 6.
        #expect(try matrix.values.floats(rows: 0..<1) == [8, 6, 3, 7])
        let dense = try matrix.decompressed(permutation: order).floats(rows: 0..<1)
        #expect(dense == [0, 0, 3, 0, 0, 6, 7, 8])
    }

    @Test func refusesMasksThatDoNotFit() throws {
        let weight = try Tensor(Self.values, shape: [2, 8])
        for kept in [[Bool](repeating: true, count: 16), [Bool](repeating: false, count: 16)] {
            let mask = try SparseMatrix.bitmask(kept, rows: 2, columns: 8)
            #expect(throws: SparseMatrixError.self) {
                try SparseMatrix.compress(weight, bitmask: mask, pattern: .twoOfFour)
            }
        }
        let small = try SparseMatrix.bitmask([true, false, false, true], rows: 1, columns: 4)
        #expect(throws: SparseMatrixError.self) {
            try SparseMatrix.compress(weight, bitmask: small, pattern: .twoOfFour)
        }
    }

    @Test(arguments: [ElementType.float32, .float16, .bfloat16]) func findsNonFiniteValues(_ type: ElementType) throws {
        let infinity: [ElementType: UInt32] = [.float32: 0xFF80_0000, .float16: 0x7C00, .bfloat16: 0x7FC0]
        let bits = infinity[type] ?? 0
        for place in [0, 4095, 4096, 9999] {
            var wide = [UInt32](repeating: 0x3F80_3C00, count: 10_000)
            wide[place] = bits
            let storage =
                type == .float32
                ? ByteStorage(copying: wide) : ByteStorage(copying: wide.map { UInt16(truncatingIfNeeded: $0) })
            #expect(firstNonFinite(in: try Tensor(elementType: type, shape: [10_000], storage: storage)) == place)
        }
        let finite = ByteStorage(copying: [UInt16](repeating: 0x7BFF, count: 20))
        #expect(firstNonFinite(in: try Tensor(elementType: type, shape: [10], storage: finite)) == nil)
    }

    static let run = PruningRun(
        toolVersion: "1", method: "e-sparse", pattern: .twoOfFour, storage: .packed, settings: ["alpha": "1"],
        inputs: ["model": "abc"])

    static func record(_ name: String) -> PrunedLinear {
        PrunedLinear(
            name: name, rows: 2, columns: 8, pattern: .twoOfFour, density: 0.4375, permuted: true,
            retainedSaliency: 0.75)
    }

    static func linear() throws -> LinearWeight {
        let bitmask = try SparseMatrix.bitmask(kept, rows: 2, columns: 8)
        let weight = try Tensor(values, shape: [2, 8])
        let matrix = try SparseMatrix.compress(weight, bitmask: bitmask, pattern: .twoOfFour)
        return LinearWeight(matrix: .sparse(matrix), permutation: Permutation([7, 0, 3, 5, 1, 2, 6, 4]))
    }

    static func writeBlock(_ index: Int, to writer: SparseCheckpointWriter) throws {
        let name = "model.layers.\(index).mlp.down_proj.weight"
        try writer.write(
            .block(index), tensors: StoredWeight.tensors(name: name, weight: linear()), linears: [record(name)])
    }

    static func writeOuter(to writer: SparseCheckpointWriter) throws {
        try writer.write(.outer, tensors: [("model.norm.weight", Tensor([1, 2], shape: [2]))])
    }

    /// All files of a folder by name.
    static func contents(_ folder: String) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try FileSystem.names(in: folder) { files[name] = try FileSystem.read(folder + "/" + name) }
        return files
    }

    @Test func writesAFolderThatOpens() throws {
        let folder = try TemporaryFolder()
        let output = folder.path + "/pruned"
        let writer = try SparseCheckpointWriter(output: output, blockCount: 2, run: Self.run)
        for index in [1, 0] { try Self.writeBlock(index, to: writer) }
        #expect(
            throws: FormatError.missingShard(path: writer.partialPath, shard: "weights-00001.safetensors")
        ) {
            try writer.finish(configuration: [], files: [:])
        }
        try Self.writeOuter(to: writer)
        try writer.finish(configuration: Array("{}".utf8), files: ["tokenizer.json": Array("{}".utf8)])
        #expect(try FileSystem.names(in: folder.path) == ["pruned"])
        #expect(
            try FileSystem.names(in: output) == [
                "README.md", "config.json", "esparse.json", "model.safetensors", "tokenizer.json",
            ])
        let checkpoint = try Checkpoint.open(output)
        #expect(checkpoint.kind == .sparse && checkpoint.manifest?.run == Self.run)
        #expect(checkpoint.manifest?.linears.map(\.name).first == "model.layers.0.mlp.down_proj.weight")
        #expect(
            checkpoint.weights.tensorNames == [
                "model.layers.0.mlp.down_proj.weight", "model.layers.1.mlp.down_proj.weight", "model.norm.weight",
            ])
        #expect(checkpoint.weights.shape(of: "model.layers.0.mlp.down_proj.weight") == [2, 8])
        let weight = try checkpoint.weights.linearWeight("model.layers.1.mlp.down_proj.weight")
        #expect(weight.permutation?.order == [7, 0, 3, 5, 1, 2, 6, 4])
        guard case .sparse(let matrix) = weight.matrix else {
            Issue.record("the weight is stored packed")
            return
        }
        #expect(try matrix.values.floats() == [1, 4, 6, 7, -1, 0, -7, -8])
        #expect(
            try checkpoint.weights.elementType(of: "model.layers.1.mlp.down_proj.weight") == matrix.values.elementType)
        #expect(message { _ = try checkpoint.weights.elementType(of: "x.weight") }?.contains("x.weight") == true)
        #expect(
            message { _ = try checkpoint.weights.tensor("model.layers.1.mlp.down_proj.weight") }?.contains("packed")
                == true)
        #expect(throws: FormatError.outputExists(path: output)) {
            try SparseCheckpointWriter(output: output, blockCount: 2, run: Self.run)
        }
    }

    @Test func resumesToTheSameBytes() throws {
        let folder = try TemporaryFolder()
        let (whole, resumed) = (folder.path + "/whole", folder.path + "/resumed")
        let writer = try SparseCheckpointWriter(output: whole, blockCount: 2, run: Self.run)
        for index in [0, 1] { try Self.writeBlock(index, to: writer) }
        try Self.writeOuter(to: writer)
        try writer.finish(configuration: Array("{}".utf8), files: [:])

        try Self.writeBlock(0, to: SparseCheckpointWriter(output: resumed, blockCount: 2, run: Self.run))
        // What a killed run leaves: a file under its temporary name.
        try Data([1, 2]).write(
            to: URL(filePath: resumed + ".partial/weights-00003.safetensors.partial"))
        #expect(throws: FormatError.unfinishedRun(path: resumed + ".partial")) {
            try SparseCheckpointWriter(output: resumed, blockCount: 2, run: Self.run)
        }
        let changed = PruningRun(
            toolVersion: "1", method: "e-sparse", pattern: .fourOfEight, storage: .packed, settings: ["alpha": "2"],
            inputs: ["model": "abc"])
        let differences = ["alpha was 1 and is 2", "pattern was 2:4 and is 4:8"]
        #expect(throws: FormatError.changedRun(path: resumed + ".partial", differences: differences)) {
            try SparseCheckpointWriter(resuming: resumed, blockCount: 2, run: changed)
        }
        let second = try SparseCheckpointWriter(resuming: resumed, blockCount: 2, run: Self.run)
        #expect(second.completedBlockCount == 1 && !second.isComplete(.outer))
        try Self.writeBlock(1, to: second)
        try Self.writeOuter(to: second)
        try second.finish(configuration: Array("{}".utf8), files: [:])
        #expect(try Self.contents(whole) == Self.contents(resumed))
        #expect(try FileSystem.names(in: folder.path) == ["resumed", "whole"])
    }

    /// A run that was killed after its last rename left its folder, or some of it, beside the output.
    @Test func aCompleteRunIsTidiedUp() throws {
        let folder = try TemporaryFolder()
        let (output, partial) = (folder.path + "/pruned", folder.path + "/pruned.partial")
        func tidied(_ run: PruningRun = Self.run) throws -> SparseManifest? {
            try SparseCheckpointWriter.tidyingUp(after: run, output: output + "/")
        }
        let changed = PruningRun(
            toolVersion: "1", method: "e-sparse", pattern: .fourOfEight, storage: .packed, settings: [:], inputs: [:])
        #expect(try tidied() == nil)
        try Self.writeBlock(0, to: SparseCheckpointWriter(output: output, blockCount: 1, run: Self.run))
        #expect(try tidied() == nil, "the run is unfinished")
        let writer = try SparseCheckpointWriter(resuming: output, blockCount: 1, run: Self.run)
        try Self.writeOuter(to: writer)
        let manifest = try writer.finish(configuration: Array("{}".utf8), files: [:])
        let contents = try Self.contents(output)
        #expect(try tidied() == nil, "nothing is left")
        for run in [changed, Self.run] {
            try Self.writeBlock(
                0, to: SparseCheckpointWriter(output: folder.path + "/other", blockCount: 1, run: run))
            try FileSystem.rename(folder.path + "/other.partial", to: partial)
            #expect(try tidied(changed) == nil, "the output is another run's")
            if run == Self.run {
                let lock = try FolderLock(folder: partial)
                #expect(throws: FormatError.runInProgress(path: partial)) { try tidied() }
                withExtendedLifetime(lock) {}
            } else {
                #expect(try tidied() == nil, "what is beside it is another run's")
                try FileSystem.removeContents(of: partial)
                try FileSystem.removeEmptyFolder(partial)
            }
        }
        #expect(try tidied() == manifest)
        #expect(try FileSystem.names(in: folder.path) == ["pruned"])
        try FileSystem.createFolder(partial)
        #expect(try tidied() == manifest, "all but the folder itself was removed")
        try FileSystem.createFolder(partial)
        try folder.write([1], to: "pruned.partial/mine.txt")
        #expect(try tidied() == nil && FileSystem.names(in: partial) == ["mine.txt"])
        #expect(try Self.contents(output) == contents)
    }

    /// Writes one packed linear with some parts replaced, and reads it back.
    private func readPacked(
        replacing parts: [String: Tensor?], patterns: [String: SparsityPattern] = ["X.weight": .twoOfFour]
    ) throws {
        let folder = try TemporaryFolder()
        var tensors: [(name: String, tensor: Tensor)] = []
        for (name, tensor) in try StoredWeight.tensors(name: "X.weight", weight: Self.linear()) {
            if let replacement = parts[name] {
                if let replacement { tensors.append((name, replacement)) }
            } else {
                tensors.append((name, tensor))
            }
        }
        try SafetensorsWriter.write(tensors, to: folder.path + "/model.safetensors")
        _ = try FolderWeights(folder: folder.path, patterns: patterns).linearWeight("X.weight")
    }

    static func integers(_ values: [Int64]) throws -> Tensor {
        try Tensor(elementType: .int64, shape: [values.count], storage: ByteStorage(copying: values))
    }

    static func order(_ values: [Int32]) throws -> Tensor {
        try Tensor(elementType: .int32, shape: [values.count], storage: ByteStorage(copying: values))
    }

    @Test func refusesPackedTensorsThatLie() throws {
        #expect(message { try readPacked(replacing: [:]) } == nil)
        #expect(message { try readPacked(replacing: [:], patterns: [:]) }?.contains("no N:M pattern") == true)
        let tooMany = try SparseMatrix.bitmask([Bool](repeating: true, count: 16), rows: 2, columns: 8)
        let cases: [(part: String, tensor: Tensor?, says: String)] = [
            ("X.bitmask", nil, "\"X.bitmask\" is missing"), ("X.shape", nil, "\"X.shape\" is missing"),
            ("X.bitmask", tooMany, "does not keep exactly"),
            ("X.bitmask", try Tensor([1], shape: [1]), "U8 [2, 1] is needed"),
            ("X.shape", try Self.integers([2, 16]), "is needed"), ("X.shape", try Self.integers([2]), "I64 [2]"),
            ("X.shape", try Self.integers([-2, 8]), "negative"),
            ("X.shape", try Self.integers([2, 10]), "I32 [10] is needed"),
            ("X.shape", try Self.integers([.max, .max]), "too large"),
            ("X.shape", try Self.integers([.max / 2, 4]), "too large"),
            ("X.shape", try Self.integers([0, .max]), "too large"),
            ("X.shape", try Self.integers([1 << 40, 8]), "are needed"),
            ("X.compressed", try Tensor([1, 2], shape: [1, 2]), "kept values"),
            ("X.compressed", try Self.integers([1]), "kept values"),
            ("X.permutation", try Self.order([0, 1, 2, 3, 4, 5, 6, 6]), "exactly once"),
            ("X.permutation", try Self.order([0, 1, 2, 3, 4, 5, 6, -1]), "exactly once"),
            ("X.permutation", try Self.order([0]), "I32 [8]"),
        ]
        for (part, tensor, says) in cases {
            let sentence = message { try readPacked(replacing: [part: tensor]) }
            #expect(sentence?.contains(says) == true, "\(part): \(sentence ?? "accepted")")
        }
    }

    @Test func readsShuffledDenseWeights() throws {
        let folder = try TemporaryFolder()
        let weight = LinearWeight(
            matrix: .dense(try Tensor([1, 2], shape: [1, 2])), permutation: Permutation([1, 0]))
        let tensors = try StoredWeight.tensors(name: "X.weight", weight: weight)
        try SafetensorsWriter.write(tensors, to: folder.path + "/model.safetensors")
        let weights = try FolderWeights(folder: folder.path)
        #expect(weights.tensorNames == ["X.weight"])
        #expect(try weights.linearWeight("X.weight").permutation?.order == [1, 0])
    }

    @Test func refusesBadManifests() {
        for (text, says) in [
            ("{", "malformed JSON"), ("{}", "formatVersion"), (#"{"formatVersion":1,"formatVersion":1}"#, "repeated"),
            (#"{"formatVersion":1,"run":3}"#, "wrong type"),
        ] {
            let sentence = message { _ = try SparseManifest(json: Array(text.utf8), path: "esparse.json") }
            #expect(sentence?.contains(says) == true, "\(sentence ?? "accepted")")
        }
    }

    @Test func theManifestMustFitTheWeights() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("{}".utf8), to: "config.json")
        let tensor = try Tensor([1, 2], shape: [1, 2])
        try SafetensorsWriter.write([("X.weight", tensor)], to: folder.path + "/model.safetensors")
        for (linears, says) in [
            ([Self.record("X.weight")], "as [2, 8]"), ([Self.record("Y.weight")], "Y.weight"),
            ([Self.record("X.weight"), Self.record("X.weight")], "more than once"),
        ] {
            try folder.write(SparseManifest(run: Self.run, linears: linears).json(), to: SparseManifest.fileName)
            let sentence = message { _ = try Checkpoint.open(folder.path) }
            #expect(sentence?.contains(says) == true, "\(sentence ?? "accepted")")
        }
    }

    @Test func namesWhatIsNoCheckpoint() throws {
        let folder = try TemporaryFolder()
        #expect(message { _ = try Checkpoint.open(folder.path + "/x") }?.contains("no such folder") == true)
        #expect(message { _ = try Checkpoint.open(folder.path) }?.contains("config.json") == true)
        try folder.write(Array("[]".utf8), to: "config.json")
        #expect(message { _ = try Checkpoint.open(folder.path) }?.contains("object") == true)
        try folder.write(Array("{}".utf8), to: "config.json")
        try folder.write([], to: "pytorch_model.bin")
        #expect(message { _ = try Checkpoint.open(folder.path) }?.contains("as safetensors first") == true)
        let file = try folder.write([1, 2, 3, 4, 5, 6, 7, 8], to: "x.gguf")
        #expect(message { _ = try Checkpoint.open(file) }?.contains("GGUF") == true)
    }

    @Test(arguments: [
        (#"{"b":1,"a":{}}"#, #"{"b":1,"a":{},"torch_dtype":"bfloat16"}"#),
        (#"{"torch_dtype":"float32","b":1}"#, #"{"torch_dtype":"bfloat16","b":1}"#),
        (#"{"dtype":"float32"}"#, #"{"dtype":"bfloat16"}"#),
        (#"{"torch_dtype":"x","dtype":null}"#, #"{"torch_dtype":"bfloat16","dtype":"bfloat16"}"#),
    ]) func configurationNamesTheStoredType(_ text: String, _ expected: String) throws {
        let folder = try TemporaryFolder()
        try folder.write(Array(text.utf8), to: "config.json")
        try folder.write(FileSystem.read(fixture("tiny-llama.safetensors")), to: "model.safetensors")
        let checkpoint = try Checkpoint.open(folder.path)
        #expect(try checkpoint.configuration(storing: nil) == Array(text.utf8))
        let found = try JSONParser.parse(checkpoint.configuration(storing: .bfloat16)).serialized(indented: false)
        #expect(String(decoding: found, as: UTF8.self) == expected)
    }
}
