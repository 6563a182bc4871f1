// N:M masks: hand-made vectors, ties and a sorting reference.

import ESparseCore
import ESparsePruning
import Testing

@Suite struct MaskTests {
    private func bits(_ values: [Float], columns: Int, _ pattern: SparsityPattern, order: [Int32]? = nil) -> [UInt8] {
        Mask.bits(
            saliency: values, rows: values.count / columns, columns: columns, pattern: pattern,
            permutation: order.flatMap { Permutation($0) }, parallel: serial)
    }

    @Test func keepsTheLargest() {
        #expect(bits([1, 5, 2, 4, 9, 8, 7, 6], columns: 8, .twoOfFour) == [0b0011_1010])
    }

    @Test func tiesKeepTheLowerPlace() {
        #expect(bits([0, 0, 0, 0, 3, 3, 3, 3], columns: 8, .twoOfFour) == [0b0011_0011])
        #expect(bits([1, 2, 2, 2, 5, 4, 4, 5], columns: 8, .twoOfFour) == [0b1001_0110])
    }

    @Test func followsThePermutation() {
        // Permuted row: 8 1 7 2 | 6 3 5 4.
        let order: [Int32] = [7, 0, 6, 1, 5, 2, 4, 3]
        #expect(bits([1, 2, 3, 4, 5, 6, 7, 8], columns: 8, .twoOfFour, order: order) == [0b0101_0101])
    }

    @Test func padsTheLastByte() throws {
        let pattern = try #require(SparsityPattern(kept: 2, group: 3))
        // 12 columns in 4 groups: bits 110 110 011 101 from the lowest column up, then four zeros.
        let row: [Float] = [3, 2, 1, 3, 2, 1, 1, 2, 3, 3, 1, 2]
        #expect(bits(row + row, columns: 12, pattern) == [0b1001_1011, 0b0000_1011, 0b1001_1011, 0b0000_1011])
    }

    @Test func sharesByHand() {
        // Of 8 1 7 2 the first and third are kept, of 6 3 5 4 too: 26 of 36.
        let order = Permutation([7, 0, 6, 1, 5, 2, 4, 3])
        let values: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]
        #expect(Mask.retainedShare(of: values, bits: [0b0101_0101], columns: 8, permutation: order) == 26.0 / 36)
        #expect(Mask.retainedShare(of: values, bits: [0b0000_0011], columns: 8, permutation: nil) == 3.0 / 36)
        #expect(Mask.retainedShare(of: [0, 0, 0, 0], bits: [0b11], columns: 4, permutation: nil) == nil)
    }

    @Test func countsExactlyWhateverTheValues() {
        let values: [Float] = [.nan, .nan, .nan, 1, -0.0, 0, -1, -2, .infinity, .nan, .leastNonzeroMagnitude, 0]
        let result = bits(values, columns: 12, .twoOfFour)
        // NaN counts as largest; -0 equals 0; ties keep the lower place.
        #expect(result == [0b0011_0011, 0b0000_0011])
    }

    @Test(arguments: testedPatterns)
    func equalsTheSortingReference(_ pattern: SparsityPattern) {
        let columns = pattern.group * 9
        for matrix in [
            wholeNumbers(rows: 130, columns: columns, below: 4, seed: 1),
            heavyTailed(rows: 65, columns: columns, seed: 2),
        ] {
            let permutation = GlobalShuffle().permutation(of: [matrix], pattern: pattern)
            for order in [nil, permutation] {
                let result = Mask.bits(
                    saliency: matrix.values, rows: matrix.rows, columns: columns, pattern: pattern, permutation: order,
                    parallel: concurrent)
                let expected = referenceMaskBits(matrix, pattern, (order ?? .identity(columns)).order)
                #expect(result == expected)
                #expect(result.reduce(0) { $0 + $1.nonzeroBitCount } == matrix.rows * 9 * pattern.kept)
            }
        }
    }

    @Test func patternsThatDoNotDivideNameTheLinear() {
        let linear = "model.layers.0.mlp.up_proj"
        #expect(throws: PruningError.indivisible(linear: linear, columns: 10, pattern: .twoOfFour)) {
            try SparsityPattern.twoOfFour.requireDivides(columns: 10, linear: linear)
        }
        #expect(throws: Never.self) { try SparsityPattern.twoOfFour.requireDivides(columns: 12, linear: linear) }
        let message = PruningError.indivisible(linear: linear, columns: 10, pattern: .twoOfFour).description
        #expect(message.contains(linear) && message.contains("10 input channels") && message.contains("4"))
    }
}
