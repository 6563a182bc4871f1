// Safetensors: reading against files of the reference implementation, and every way to lie in a header.

import ESparseCore
import ESparseFormats
import FoundationEssentials
import Testing

@Suite struct SafetensorsTests {
    @Test func readsHandMadeFile() throws {
        let header =
            #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"F32","shape":[],"data_offsets":[2,6]}}"#
        var bytes = safetensors(header, dataCount: 2)
        bytes += littleEndian((1.5 as Float).bitPattern)
        let file = try openSafetensors(bytes)
        #expect(file.entries["a"]?.shape == [2])
        // "b" starts at an odd byte of the file; the tensor handed out is aligned all the same.
        let scalar = try file.tensor("b")
        #expect(try scalar.floats() == [1.5])
        #expect(scalar.byteOffset % 4 == 0)
    }

    @Test func readsShardedFolderOfTheReference() throws {
        let weights = try FolderWeights(folder: fixture("sharded"))
        #expect(
            weights.tensorNames == [
                "lm_head.weight", "model.layers.0.a.weight", "model.layers.0.b.weight", "model.norm.weight", "steps",
            ])
        let json = try Data(contentsOf: URL(filePath: fixture("sharded/expected.json")))
        let expected = try JSONDecoder().decode([String: [Double]].self, from: json)
        for (name, values) in expected where name != "steps" {
            let tensor = try weights.tensor(name)
            #expect(try tensor.floats().map(Double.init) == values, "\(name)")
        }
        #expect(try weights.tensor("layers.0.a.weight").elementType == .bfloat16)
        #expect(weights.shape(of: "model.layers.0.a.weight") == [3, 5])
        #expect(try weights.linearWeight("lm_head.weight").columns == 3)
    }

    @Test func resolvesLeftOutPrefixes() throws {
        let folder = try TemporaryFolder()
        let single = try Tensor([1], shape: [1, 1])
        let tensors = ["decoder.layers.0.fc1.weight", "embed_tokens.weight", "lm_head.weight"].map {
            (name: $0, tensor: single)
        }
        try SafetensorsWriter.write(tensors, to: folder.path + "/model.safetensors")
        let weights = try FolderWeights(folder: folder.path)
        let canonical = ["lm_head.weight", "model.decoder.layers.0.fc1.weight", "model.embed_tokens.weight"]
        #expect(weights.tensorNames == canonical)
        for name in canonical + tensors.map(\.name) { #expect(try weights.tensor(name).floats() == [1], "\(name)") }
        let clash = tensors + [(name: "model.embed_tokens.weight", tensor: single)]
        try SafetensorsWriter.write(clash, to: folder.path + "/model.safetensors")
        #expect(message { _ = try FolderWeights(folder: folder.path) }?.contains("more than one") == true)
    }

    static let lies: [(header: String, dataCount: Int, says: String)] = [
        (#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#, 3, "truncated"),
        (#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#, 5, "describes 4 bytes of data"),
        (#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[-4,0]}}"#, 4, "must not be negative"),
        (#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}}"#, 4, "before its start"),
        (#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,18446744073709551620]}}"#, 4, "63 bits"),
        (#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,8]}}"#, 4, "two integers"),
        (#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,4]}}"#, 4, "does not agree"),
        (#"{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,0]}}"#, 0, "does not agree"),
        (#"{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#, 0, "too large"),
        (#"{"a":{"dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}}"#, 0, "too large"),
        (#"{"a":{"dtype":"I64","shape":[2305843009213693952],"data_offsets":[0,0]}}"#, 0, "too large"),
        (#"{"a":{"dtype":"U8","shape":[36893488147419103232],"data_offsets":[0,0]}}"#, 0, "too large"),
        (#"{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}"#, 1, "negative"),
        (#"{"a":{"dtype":"U8","shape":"4","data_offsets":[0,4]}}"#, 4, "array of integers"),
        (#"{"a":{"shape":[4],"data_offsets":[0,4]}}"#, 4, "dtype"),
        (
            #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}}"#,
            4, "repeated"
        ),
        (
            #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#,
            6, "overlaps"
        ),
        (
            #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}}"#,
            4, "overlaps"
        ),
        (
            #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[1],"data_offsets":[5,6]}}"#,
            6, "next unused"
        ),
        (#"{"a":{"dtype":"X9","shape":[4],"data_offsets":[0,9]}}"#, 4, "truncated"),
        (#"{"a":[]}"#, 0, "must be an object"),
        (#"{"__metadata__":{"a":1}}"#, 0, "must be a text"),
        (#"[]"#, 0, "must be an object"),
        (#"{"a":"#, 0, "malformed JSON"),
        (#"{} x"#, 0, "after the end"),
        ("", 0, "must be an object"),
    ]

    @Test(arguments: lies) func refuses(_ lie: (header: String, dataCount: Int, says: String)) {
        let sentence = message { _ = try openSafetensors(safetensors(lie.header, dataCount: lie.dataCount)) }
        #expect(sentence?.contains(lie.says) == true, "\(sentence ?? "accepted")")
    }

    @Test func refusesLyingLengths() {
        for (bytes, says) in [
            ([], "truncated"), ([1, 2, 3], "truncated"),
            (safetensors("{}", dataCount: 0, claimedLength: 100_000_000_000), "claims a header"),
            (safetensors("{}", dataCount: 0, claimedLength: .max), "claims a header"),
            (safetensors("{}", dataCount: 0, claimedLength: 3), "truncated"),
        ] as [([UInt8], String)] {
            let sentence = message { _ = try openSafetensors(bytes) }
            #expect(sentence?.contains(says) == true, "\(sentence ?? "accepted")")
        }
    }

    @Test func unknownTypesMatterOnlyWhenAskedFor() throws {
        let header =
            #"{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"NEW","shape":[9],"data_offsets":[2,3]},"c":{"dtype":"U8","shape":[0],"data_offsets":[3,3]}}"#
        let file = try openSafetensors(safetensors(header, dataCount: 3))
        #expect(try file.tensor("c").elementCount == 0)
        #expect(message { _ = try file.tensor("a") }?.contains("F8_E4M3") == true)
        #expect(message { _ = try file.tensor("b") }?.contains("NEW") == true)
        #expect(throws: FormatError.missingTensor(path: "test.safetensors", name: "d")) { try file.tensor("d") }
    }

    static let shardPaths = ["/etc/passwd", "../x.safetensors", "a/../../x.safetensors", "", "a//b", ".", "a\u{0}b"]

    @Test(arguments: shardPaths) func shardsStayInTheFolder(_ shard: String) throws {
        let map = JSONValue.sorted(["weight_map": .sorted(["a": .text(shard)])])
        #expect(throws: FormatError.shardOutsideFolder(path: "index", shard: shard)) {
            try ShardedSafetensors.weightMap(map.serialized(indented: false), path: "index")
        }
    }

    @Test func namesMissingShardsAndTensors() throws {
        let folder = try TemporaryFolder()
        let index = #"{"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}"#
        try folder.write(Array(index.utf8), to: ShardedSafetensors.indexName)
        let header = #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#
        try folder.write(safetensors(header, dataCount: 1), to: "model-1.safetensors")
        #expect(throws: FormatError.missingShard(path: folder.path, shard: "model-2.safetensors")) {
            try ShardedSafetensors(folder: folder.path)
        }
        try folder.write(safetensors("{}", dataCount: 0), to: "model-2.safetensors")
        #expect(throws: FormatError.missingTensor(path: folder.path + "/model-2.safetensors", name: "b")) {
            try ShardedSafetensors(folder: folder.path)
        }
    }

    @Test func noticesMissingShardsWithoutIndex() throws {
        let folder = try TemporaryFolder()
        let header = #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#
        try folder.write(safetensors(header, dataCount: 1), to: "model-00002-of-00002.safetensors")
        #expect(throws: FormatError.missingShard(path: folder.path, shard: "model-00001-of-00002.safetensors")) {
            try ShardedSafetensors(folder: folder.path)
        }
        try folder.write(safetensors(header, dataCount: 1), to: "model-00001-of-00002.safetensors")
        #expect(throws: FormatError.duplicateTensor(path: folder.path, name: "a")) {
            try ShardedSafetensors(folder: folder.path)
        }
    }

    @Test func writesWhatItReadsAndTheSameBytesInAnyOrder() throws {
        let folder = try TemporaryFolder()
        let tensors: [(name: String, tensor: Tensor)] = [
            ("z", try Tensor([1, 2, 3], shape: [3])),
            ("b", try Tensor(elementType: .uint8, shape: [3], storage: ByteStorage(copying: [9, 8, 7] as [UInt8]))),
            ("a", try Tensor(elementType: .uint8, shape: [0, 4], storage: ByteStorage(copying: [] as [UInt8]))),
            ("c", try Tensor(elementType: .int64, shape: [1], storage: ByteStorage(copying: [-5 as Int64]))),
        ]
        try SafetensorsWriter.write(tensors, to: folder.path + "/1.safetensors")
        try SafetensorsWriter.write(tensors.reversed(), to: folder.path + "/2.safetensors")
        #expect(try FileSystem.read(folder.path + "/1.safetensors") == FileSystem.read(folder.path + "/2.safetensors"))
        let file = try SafetensorsFile(path: folder.path + "/1.safetensors")
        #expect(file.metadata == ["format": "pt"])
        for (name, tensor) in tensors {
            let read = try file.tensor(name)
            #expect(read.shape == tensor.shape && read.byteOffset % tensor.elementType.byteCount == 0)
        }
        #expect(try file.tensor("z").floats() == [1, 2, 3])
        #expect(try FileSystem.names(in: folder.path) == ["1.safetensors", "2.safetensors"])
    }

    @Test func anUnfinishedFileDisappears() throws {
        let folder = try TemporaryFolder()
        do {
            let entry = SafetensorsWriter.Entry(name: "a", elementType: .float32, shape: [2])
            let writer = try SafetensorsWriter(path: folder.path + "/a.safetensors", entries: [entry])
            #expect(try FileSystem.names(in: folder.path) == ["a.safetensors.partial"])
            #expect(writer.dataByteCount == 8)
        }
        #expect(try FileSystem.names(in: folder.path).isEmpty)
        let sentence = message {
            _ = try SafetensorsWriter(path: folder.path + "/no/a.safetensors", entries: [])
        }
        #expect(sentence?.contains("No such file or directory") == true)
    }

    /// Set ESPARSE_FULL_FOLDER to a folder on a file system with less than 1 MiB free (a small tmpfs).
    static let fullFolder = ProcessInfo.processInfo.environment["ESPARSE_FULL_FOLDER"]

    @Test(.enabled(if: fullFolder != nil, "needs ESPARSE_FULL_FOLDER, a folder on a nearly full file system"))
    func aFullDiskIsAnErrorAndLeavesNothing() throws {
        let path = (Self.fullFolder ?? "") + "/big.safetensors"
        let tensor = try Tensor([Float](repeating: 1, count: 1 << 20), shape: [1 << 20])
        let sentence = message { try SafetensorsWriter.write([("a", tensor)], to: path) }
        #expect(sentence?.contains("No space left on device") == true)
        #expect(!FileSystem.exists(path) && !FileSystem.exists(path + OutputFile.temporarySuffix))
    }
}
