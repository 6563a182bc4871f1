// Finding N:M patterns in zeros.

import ESparseCore
import ESparsePruning
import Testing

@Suite struct PatternFinderTests {
    private func find(_ rows: [[Float]]) -> PatternFinder {
        var finder = PatternFinder(columns: rows[0].count)
        for row in rows {
            var words = [UInt64](repeating: 0, count: (row.count + 63) / 64)
            for (column, value) in row.enumerated() where value != 0 {
                words[column / 64] |= 1 << UInt64(column % 64)
            }
            finder.addRow(words)
        }
        return finder
    }

    @Test func handMadeRows() {
        #expect(find([[1, 0, 1, 0, 0, 0, 1, 1]]).pattern == SparsityPattern("2:4"))
        #expect(find([[1, 1, 1, 0, 0, 0, 0, 1]]).pattern == SparsityPattern("4:8"))
        #expect(find([[1, 0, 0, 1, 0, 1, 1, 0]]).pattern == SparsityPattern("1:2"))
        #expect(find([[1, 1, 1, 1, 1, 1, 1, 1]]).pattern == nil)
        #expect(find([[0, 0, 0, 0]]).pattern == nil)
        #expect(find([[1, 0, 0, 0], [1, 1, 1, 0]]).pattern == SparsityPattern("3:4"))
        #expect(find([[1, 0, 1, 0, 0, 0, 1, 1]]).density == 0.5)
    }

    @Test(arguments: ["2:4", "4:8", "1:4", "3:7", "8:32", "5:12"])
    func randomMatricesOfAPattern(text: String) throws {
        let pattern = try #require(SparsityPattern(text))
        var random = SeededRandom(seed: 5)
        let groups = 30
        let rows = (0..<200).map { _ in
            (0..<groups).flatMap { _ in
                var group = [Float](repeating: 0, count: pattern.group)
                for index in Array(0..<pattern.group).shuffled(using: &random).prefix(pattern.kept) { group[index] = 1 }
                return group
            }
        }
        #expect(find(rows).pattern == pattern)
    }
}
