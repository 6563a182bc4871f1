// RIA and SparseGPT against hand-made values and PyTorch.

import ESparseCPU
import ESparseCore
import ESparsePruning
import Testing

private let patterns = [SparsityPattern.twoOfFour, .fourOfEight]

@Suite struct RIATests {
    @Test func sharesOfRowAndColumnTimesTheRootOfTheAmplitude() {
        var range = RangeStatistics(channelCount: 2)
        range.accumulate([4, 0, 0, 9].span)
        range.endSequence()
        let statistics = ChannelStatistics(range: range)
        // Amplitudes 4 and 9. Rows sum to 4 and 4, columns to 2 and 6.
        let values = RIA().saliency(weight: [1, -3, -1, 3], rows: 2, columns: 2, statistics: statistics)
        let expected: [Float] = [(1 / 4 + 1 / 2) * 2, (3 / 4 + 3 / 6) * 3, (1 / 4 + 1 / 2) * 2, (3 / 4 + 3 / 6) * 3]
        for (value, exact) in zip(values, expected) { #expect(abs(value - exact) < 1e-6) }
        let plain = RIA(exponent: 0).saliency(weight: [1, -3, -1, 3], rows: 2, columns: 2, statistics: statistics)
        #expect(plain == [0.75, 1.25, 0.75, 1.25])
    }

    @Test func zeroRowsAndColumnsScoreZero() {
        var range = RangeStatistics(channelCount: 2)
        range.accumulate([1, 1].span)
        range.endSequence()
        let statistics = ChannelStatistics(range: range)
        let values = RIA().saliency(weight: [0, 0, 0, 2], rows: 2, columns: 2, statistics: statistics)
        #expect(values == [0, 0, 0, 2])
    }

    @Test func equalsPyTorch() throws {
        let fixture = try BaselineFixture.load()
        let values = RIA().saliency(
            weight: fixture.weight, rows: fixture.rows, columns: fixture.columns, statistics: fixture.statistics)
        #expect(values.count == fixture.ria.count)
        for (value, exact) in zip(values, fixture.ria) { #expect(abs(value - exact) <= 1e-6 * exact) }
        for pattern in patterns {
            let bits = Mask.bits(
                saliency: values, rows: fixture.rows, columns: fixture.columns, pattern: pattern, permutation: nil,
                parallel: serial)
            #expect(maskText(bits, columns: fixture.columns) == fixture.riaMasks["\(pattern)"])
        }
    }
}

/// A mask as the fixture writes it; rows of `bits` fill whole bytes.
private func maskText(_ bits: [UInt8], columns: Int) -> String {
    precondition(columns % 8 == 0)
    return bits.map { byte in (0..<8).map { byte >> UInt8($0) & 1 == 1 ? "1" : "0" }.joined() }.joined()
}

@Suite struct SparseGPTTests {
    @Test func factorsTheInverseByHand() throws {
        // inverse([[2, 1], [1, 2]]) = [[2, -1], [-1, 2]] / 3. The 7 above the diagonal is not read.
        let factor = try #require(InverseFactor([2, 7, 1, 2], channels: 2))
        let expected = [(2.0 / 3).squareRoot(), -1 / 3 / (2.0 / 3).squareRoot(), 0, 0.5.squareRoot()]
        for (value, exact) in zip(factor.values, expected) { #expect(abs(Double(value) - exact) < 1e-6) }
        for value in factor.inverseDiagonal { #expect(abs(value - 2.0 / 3) < 1e-6) }
        #expect(InverseFactor([1, 2, 2, 1], channels: 2) == nil)
        #expect(InverseFactor([.nan], channels: 1) == nil)
    }

    @Test func sweepsByHand() throws {
        let factor = try #require(InverseFactor([2, 1, 1, 2], channels: 2))
        let pattern = try #require(SparsityPattern(kept: 1, group: 2))
        let sweep = CompensatingSweep(factor: factor, pattern: pattern, blockSize: 1)
        // Row 0 keeps the 3, which takes half of the dropped 1 over; row 1 keeps its first, and nothing comes after.
        var weight: [Float] = [1, 3, 3, -1]
        let (bits, error) = sweep.run(weight: &weight, rows: 2, importance: nil, parallel: serial)
        #expect(bits == [2, 1])
        for (value, exact) in zip(weight, [0, 3.5, 3, 0] as [Float]) { #expect(abs(value - exact) < 1e-6) }
        #expect(abs(error - (0.75 + 1)) < 1e-6)
        // Another importance decides otherwise.
        weight = [1, 3, 3, -1]
        let other = sweep.run(weight: &weight, rows: 2, importance: [4, 1, 1, 4], parallel: serial)
        #expect(other.bits == [1, 2])
        for (value, exact) in zip(weight, [1, 0, 0, 0.5] as [Float]) { #expect(abs(value - exact) < 1e-6) }
    }

    @Test(arguments: patterns, ["sparsegpt", "ria"])
    func equalsPyTorch(_ pattern: SparsityPattern, _ method: String) throws {
        let fixture = try BaselineFixture.load()
        let expected = try #require(fixture.cases["\(method) \(pattern)"])
        let update = WeightUpdate(maskChoice: method == "sparsegpt" ? .loss : .saliency)
        let (compensation, damping) = try SiteCompensation.make(update, fixture.gram())
        #expect(damping == 0.01)
        let weight = try Tensor(fixture.weight, shape: [fixture.rows, fixture.columns])
        let result = try compensation.apply(
            to: weight, of: "test", saliency: fixture.ria, pattern: pattern, parallel: concurrent)
        let values = try result.weight.floats()
        #expect(maskText(result.bits, columns: fixture.columns) == expected.mask)
        for (value, exact) in zip(values, expected.updated) { #expect(abs(value - exact) <= 2e-3 * max(abs(exact), 1)) }
        #expect(abs(fixture.outputError(values) / expected.outputError - 1) < 1e-3)
        // The dead channel's weights are gone, and the update's own estimate is the error with damping counted in.
        #expect((0..<fixture.rows).allSatisfy { values[$0 * fixture.columns + 17] == 0 })
        #expect(result.error > expected.outputError && result.error < 1.2 * expected.outputError)
    }

    @Test func scoresByTheInverseDiagonal() throws {
        let fixture = try BaselineFixture.load()
        let (factor, _) = try fixture.gram().factor(order: nil, damping: 0.01, site: "test")
        for (value, exact) in zip(factor.inverseDiagonal, fixture.inverseDiagonal) {
            #expect(abs(value / exact - 1) < 1e-3)
        }
    }

    @Test func scaleOfTheInputsDoesNotMatter() throws {
        let fixture = try BaselineFixture.load()
        let (factor, _) = try fixture.gram().factor(order: nil, damping: 0.01, site: "test")
        let small = try fixture.gram(scale: 1.0 / 1024).factor(order: nil, damping: 0.01, site: "test").factor
        #expect(fixture.gram().isDead.contains(true))
        for (value, exact) in zip(small.values, factor.values) { #expect(value == 1024 * exact) }
    }

    @Test(arguments: patterns)
    func updatesWinOverTheSameMaskWithout(_ pattern: SparsityPattern) throws {
        let fixture = try BaselineFixture.load()
        let (compensation, _) = try SiteCompensation.make(WeightUpdate(maskChoice: .saliency), fixture.gram())
        let weight = try Tensor(fixture.weight, shape: [fixture.rows, fixture.columns])
        let result = try compensation.apply(
            to: weight, of: "test", saliency: fixture.ria, pattern: pattern, parallel: concurrent)
        let mask = maskText(result.bits, columns: fixture.columns)
        let masked = zip(fixture.weight, mask).map { $1 == "1" ? $0 : 0 }
        #expect(fixture.outputError(try result.weight.floats()) < 0.9 * fixture.outputError(masked))
    }

    @Test func permutedChannelsGiveTheSameFactorAsAPermutedHessian() throws {
        let fixture = try BaselineFixture.load()
        let order = try #require(Permutation((0..<Int32(fixture.columns)).map { $0 * 5 % Int32(fixture.columns) }))
        let permuted = fixture.gram(order: order)
        let expected = try permuted.factor(order: nil, damping: 0.01, site: "test").factor
        let factor = try fixture.gram().factor(order: order, damping: 0.01, site: "test").factor
        for (value, exact) in zip(factor.values, expected.values) { #expect(abs(value - exact) < 1e-4) }
        #expect(permuted.isDead == order.applied(to: fixture.gram().isDead))
    }

    @Test func threadsDoNotChangeABit() throws {
        // Channels and tokens that fill neither strips nor blocks.
        let channels = 572
        let tokens = heavyTailed(rows: 37, columns: channels, seed: 3).values
        let weight = heavyTailed(rows: 150, columns: channels, seed: 4).values
        func result(_ threadCount: Int, _ parallel: ParallelLoop) throws -> ([Float], [UInt8], Double) {
            var gram = GramMatrix(channels: channels)
            let pool = ThreadPool(threadCount: threadCount)
            gram.appendSequence(
                tokens.span, using: ChannelKernels(pool: pool, instructionSet: .forExactKernels))
            let (compensation, _) = try SiteCompensation.make(WeightUpdate(maskChoice: .loss), gram)
            let tensor = try Tensor(weight, shape: [150, channels])
            let result = try compensation.apply(
                to: tensor, of: "test", saliency: weight, pattern: .twoOfFour, parallel: parallel)
            return (try result.weight.floats(), result.bits, result.error)
        }
        let one = try result(1, serial)
        let many = try result(5, concurrent)
        #expect(one.0 == many.0 && one.1 == many.1 && one.2 == many.2)
        #expect(one.0.allSatisfy { $0.isFinite })
    }

    /// Two channels that always carry the same: the kept weight of a pair takes over the dropped one, 40000 + 40000 > 65504.
    @Test(arguments: [ElementType.float16, .float32])
    func aWeightThatOutgrowsItsTypeIsNamed(_ type: ElementType) throws {
        var gram = GramMatrix(channels: 2)
        let kernels = ChannelKernels(pool: ThreadPool(threadCount: 1), instructionSet: .forExactKernels)
        gram.appendSequence([1, 1, -2, -2].span, using: kernels)
        let order = try #require(Permutation([1, 0]))
        let (compensation, _) = try SiteCompensation.make(
            WeightUpdate(maskChoice: .saliency), gram, order: order)
        let weight = try Tensor([1, 1, 40000, 40000], shape: [2, 2]).converted(to: type)
        let pattern = try #require(SparsityPattern(kept: 1, group: 2))
        // Channel 1, which comes first in the order, is dropped, so that channel 0 makes up for it.
        func updated() throws -> [Float] {
            try compensation.apply(
                to: weight, of: "mlp.weight", saliency: [2, 1, 80000, 40000], pattern: pattern, parallel: serial
            ).weight.floats()
        }
        if type == .float32 {
            #expect(try updated()[3] > 65504)
        } else {
            #expect(throws: PruningError.updateOverflows(linear: "mlp.weight", row: 1, column: 0, type: type)) {
                try updated()
            }
        }
    }

    @Test func raisesTheDampingUntilTheHessianCanBeFactored() throws {
        // Two channels that are the same but for rounding, beside a third that is far smaller.
        var gram = GramMatrix(channels: 4)
        let kernels = ChannelKernels(pool: ThreadPool(threadCount: 1), instructionSet: .forExactKernels)
        gram.appendSequence([1e10, 1e10, 1e10, 1e10].span, using: kernels)
        let (factor, damping) = try gram.factor(order: nil, damping: 1e-9, site: "test")
        #expect(damping > 1e-9 && damping < 1e-3)
        #expect(factor.values.allSatisfy { $0.isFinite })
        var overflowing = GramMatrix(channels: 1)
        overflowing.appendSequence([1e30].span, using: kernels)
        #expect(throws: PruningError.unusableHessian(site: "test")) {
            try overflowing.factor(order: nil, damping: 0.01, site: "test")
        }
    }

    @Test func methodsSayWhatTheyNeed() {
        #expect(SparseGPT().requirement == .inverseHessian(damping: 0.01))
        #expect(Wanda().stages.isEmpty && RIA().stages.isEmpty && ESparse.standard.stages.isEmpty)
        #expect(Set(PruningMethods.all.map(\.name)).count == PruningMethods.all.count)
        for method in PruningMethods.all { #expect(PruningMethods.named(method.name)?.name == method.name) }
    }

    private func settings(_ method: any PruningMethod, _ stages: MaskStage...) -> PruningSettings {
        var settings = PruningSettings(method: method, precision: .float32)
        settings.stages += stages
        return settings
    }

    @Test func stagesNeedCalibration() {
        #expect(settings(Magnitude()).requirement == .none)
        #expect(settings(Magnitude(), .update()).requirement == .range)
        #expect(settings(Magnitude(), .refinement).requirement == .range)
        #expect(settings(ESparse.standard, .refinement).requirement == ESparse.standard.requirement)
        #expect(settings(SparseGPT()).requirement == SparseGPT().requirement)
    }

    /// What manifests hold and `--resume` compares.
    @Test func stagesNameTheirSettings() {
        let updated = settings(Wanda(), .update()).stages.map(\.work.settings)
        #expect(updated == [["damping": "0.01", "update-block-size": "128", "update": "true"]])
        #expect(
            settings(SparseGPT()).stages.map(\.work.settings) == [["damping": "0.01", "update-block-size": "128"]])
        #expect(settings(Wanda(), .refinement).stages.map(\.work.settings) == [["refine": "true"]])
    }
}
