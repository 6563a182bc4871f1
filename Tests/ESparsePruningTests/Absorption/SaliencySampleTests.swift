// Rows drawn from a whole model: by hand, and within the limit.

import ESparsePruning
import Testing

@Suite struct SaliencySampleTests {
    @Test func everySiteCountsTheSame() {
        var sample = SaliencySample(rowCount: 3, channels: 2, seed: 0)
        #expect(sample.spacing == 1 && sample.draw(from: 3) == [0, 1, 2])
        sample.append(site: [1, 2, 3, 2])
        sample.append(site: [100, 300])
        sample.append(site: [0, 0])
        #expect(sample.values == [0.125, 0.25, 0.375, 0.25, 0.25, 0.75, 0, 0])
    }

    @Test func oneRowIsDrawnOfEachStretch() {
        func drawn(seed: UInt64) -> [Int32] {
            // Ten rows of four channels fit, so one out of ten is drawn.
            var sample = SaliencySample(rowCount: 100, channels: 4, seed: seed, valueLimit: 43)
            return sample.draw(from: 25) + sample.draw(from: 75)
        }
        let rows = drawn(seed: 1)
        #expect(rows.count == 3 + 8)
        for (index, row) in rows.prefix(3).enumerated() { #expect(row / 10 == Int32(index) && row < 25) }
        for (index, row) in rows.dropFirst(3).enumerated() { #expect(row / 10 == Int32(index) && row < 75) }
        #expect(drawn(seed: 1) == rows && drawn(seed: 2) != rows)
        // A fixed step would give one remainder.
        #expect(Set(rows.map { $0 % 10 }).count > 1)
    }

    @Test func oneRowIsAlwaysTaken() {
        var sample = SaliencySample(rowCount: 5, channels: 64, seed: 0, valueLimit: 1)
        #expect(sample.spacing == 5 && sample.draw(from: 5).count == 1)
    }
}
