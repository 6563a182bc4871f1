// The shared vocabulary: numbers, tensors, patterns, permutations, sparse matrices, random numbers.

import ESparseCore
import Testing

@Suite struct CoreTests {
    @Test(
        arguments: [
            (0, 0), (-0.0, 0x8000), (1, 0x3F80), (1.00390625, 0x3F80), (1.01171875, 0x3F82),
            (.infinity, 0x7F80), (.greatestFiniteMagnitude, 0x7F80), (-3.0e38, 0xFF62),
        ] as [(Float, UInt16)])
    func roundingToBFloat16(value: Float, bits: UInt16) { #expect(BFloat16(value).bitPattern == bits) }

    @Test func bfloat16KeepsNaN() {
        #expect(BFloat16(.nan).float.isNaN)
        #expect(BFloat16(Float(bitPattern: 0x7F80_0001)).float.isNaN)
    }

    @Test func everyHalfConvertsExactly() {
        for bits in UInt16.min...UInt16.max {
            let exact = Float(Float16(bitPattern: bits))
            let ours = Half.float(bits)
            if exact.isNaN {
                #expect(ours.isNaN)
            } else {
                #expect(ours.bitPattern == exact.bitPattern)
            }
        }
    }

    @Test func tensorsRefuseSizesThatDoNotFit() throws {
        let storage = ByteStorage(copying: [UInt8](repeating: 0, count: 16))
        #expect(throws: TensorError.self) { try Tensor(elementType: .float32, shape: [5], storage: storage) }
        #expect(throws: TensorError.self) { try Tensor(elementType: .float32, shape: [-1], storage: storage) }
        #expect(throws: TensorError.self) {
            try Tensor(elementType: .float32, shape: [1 << 40, 1 << 40], storage: storage)
        }
        #expect(throws: TensorError.self) {
            try Tensor(elementType: .float32, shape: [0, 1 << 40, 1 << 40], storage: storage)
        }
        #expect(throws: TensorError.self) {
            try Tensor(elementType: .uint8, shape: [8], storage: storage, byteOffset: 9)
        }
        #expect(throws: TensorError.self) {
            try Tensor(elementType: .uint8, shape: [1], storage: storage, byteOffset: -1)
        }
        #expect(throws: TensorError.self) {
            try Tensor(elementType: .int64, shape: [Int.max / 4], storage: storage)
        }
        let scalar = try Tensor(elementType: .float32, shape: [], storage: storage)
        #expect(scalar.elementCount == 1 && scalar.rows == 1 && scalar.columns == 1)
    }

    @Test func rowsOfATensor() throws {
        let tensor = try Tensor([1, 2, 3, 4, 5, 6], shape: [3, 2])
        #expect(try tensor.floats(rows: 1..<3) == [3, 4, 5, 6])
        let bytes = ByteStorage(copying: [0, BFloat16(2.5).bitPattern, BFloat16(-1).bitPattern])
        let view = try Tensor(elementType: .bfloat16, shape: [2], storage: bytes, byteOffset: 2)
        #expect(try view.floats() == [2.5, -1])
    }

    @Test func conversionsRoundToNearest() throws {
        let tensor = try Tensor([1, 1.00390625, -2.5, 1.01171875], shape: [2, 2])
        let half = try tensor.converted(to: .bfloat16)
        #expect(half.elementType == .bfloat16 && half.shape == [2, 2])
        #expect(try half.floats() == [1, 1, -2.5, 1.015625])
        #expect(try half.converted(to: .float32).floats() == [1, 1, -2.5, 1.015625])
        #expect(throws: TensorError.self) { try tensor.converted(to: .int32) }
    }

    @Test func gatheringRowsAndColumns() throws {
        let tensor = try Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3])
        #expect(try tensor.gatheringRows([1, 0, 1]).floats() == [4, 5, 6, 1, 2, 3, 4, 5, 6])
        #expect(try tensor.gatheringColumns([2, 0, 1]).floats() == [3, 1, 2, 6, 4, 5])
        let half = try Tensor(
            elementType: .bfloat16, shape: [2, 2], storage: ByteStorage(copying: [UInt16(0x3F80), 0x4000, 0xC000, 0]))
        #expect(try half.gatheringColumns([1, 0]).floats() == [2, 1, 0, -2])
        #expect(half.gatheringRows([]).shape == [0, 2])
        let sparse = try sparse(bitmask: [0b1010_0011, 0b0101_1100], rows: 2).gatheringRows([1, 0])
        #expect(unsafe sparse.bitmask.withUnsafeBytes { unsafe Array($0) } == [0b0101_1100, 0b1010_0011])
    }

    @Test(arguments: ["2:4", "1:2", "31:32"])
    func patterns(text: String) { #expect(SparsityPattern(text)?.description == text) }

    @Test(arguments: ["", "2", "2:", ":4", "4:4", "0:4", "5:4", "2:33", "-1:4", "2:4:8", "a:b", "2 : 4"])
    func patternsRefused(text: String) { #expect(SparsityPattern(text) == nil) }

    @Test func permutations() throws {
        let permutation = try #require(Permutation([2, 0, 1]))
        #expect(permutation.applied(to: ["a", "b", "c"]) == ["c", "a", "b"])
        #expect(permutation.inverse.applied(to: permutation.applied(to: [5, 6, 7])) == [5, 6, 7])
        #expect(!permutation.isIdentity && Permutation.identity(3).isIdentity)
        #expect(Permutation([0, 0, 1]) == nil)
        #expect(Permutation([0, 3, 1]) == nil)
        #expect(Permutation([0, -1, 1]) == nil)
    }

    private func sparse(
        bitmask: [UInt8], rows: Int = 1, columns: Int = 8, kept: Int = 4, pattern: SparsityPattern = .twoOfFour
    ) throws -> SparseMatrix {
        try SparseMatrix(
            rows: rows, columns: columns, pattern: pattern,
            values: Tensor([Float](repeating: 1, count: rows * kept), shape: [rows, kept]),
            bitmask: Tensor(
                elementType: .uint8, shape: [rows, bitmask.count / rows], storage: ByteStorage(copying: bitmask)))
    }

    @Test func sparseMatricesRefuseWrongBits() throws {
        _ = try sparse(bitmask: [0b1010_0011])
        #expect(throws: SparseMatrixError.wrongGroup(row: 0, group: 0, pattern: .twoOfFour)) {
            try sparse(bitmask: [0b1010_0111])
        }
        #expect(throws: SparseMatrixError.wrongGroup(row: 1, group: 1, pattern: .twoOfFour)) {
            try sparse(bitmask: [0b1010_0011, 0b1000_0011], rows: 2)
        }
        #expect(throws: SparseMatrixError.self) { try sparse(bitmask: [0b1010_0011], columns: 6) }
        #expect(throws: SparseMatrixError.self) { try sparse(bitmask: [0b1010_0011], kept: 3) }
        #expect(throws: SparseMatrixError.self) { try sparse(bitmask: [0b1010_0011, 0]) }
    }

    @Test(arguments: ["1:2", "2:4", "1:4", "4:8", "2:8", "3:16"]) func everyByteOfBitsIsJudged(_ name: String) throws {
        let pattern = try #require(SparsityPattern(name))
        let columns = max(8, pattern.group)
        for byte in UInt8.min...UInt8.max {
            let bits = (0..<columns).map { $0 < 8 ? Int(byte >> UInt8($0) & 1) : 0 }
            let isRight = stride(from: 0, to: columns, by: pattern.group).allSatisfy {
                bits[$0..<$0 + pattern.group].reduce(0, +) == pattern.kept
            }
            let matrix = try? sparse(
                bitmask: [byte] + [UInt8](repeating: 0, count: columns / 8 - 1), columns: columns,
                kept: columns / pattern.group * pattern.kept, pattern: pattern)
            #expect((matrix != nil) == isRight, "\(byte)")
        }
    }

    @Test func bitsPastTheLastColumnAreRefused() throws {
        _ = try sparse(bitmask: [0b0011_0011, 0b0000_0101], columns: 12, kept: 6)
        #expect(throws: SparseMatrixError.self) {
            try sparse(bitmask: [0b0011_0011, 0b0001_0101], columns: 12, kept: 6)
        }
    }

    @Test func randomNumbersAreTheSameEverywhere() {
        var random = SeededRandom(seed: 0)
        let first = (0..<3).map { _ in random.next() }
        var again = SeededRandom(seed: 0)
        #expect(first == (0..<3).map { _ in again.next() })
        // xoshiro256** from the SplitMix64 sequence of seed 0: the first two outputs of the published reference code.
        #expect(first[0] == 11_091_344_671_253_066_420)
        #expect(first[1] == 13_793_997_310_169_335_082)
        var other = SeededRandom(seed: 0, stream: 1)
        #expect(other.next() != first[0])
    }

    @Test func integersBelowABoundAreEvenlySpread() {
        var random = SeededRandom(seed: 3)
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<70_000 { counts[random.integer(below: 7)] += 1 }
        #expect(counts.allSatisfy { abs($0 - 10_000) < 500 })
    }
}
