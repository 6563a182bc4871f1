// Saliencies, masks, shuffles and refined masks on the device against the processor's.

import ESparseCPU
import ESparseCUDA
import ESparseCore
import ESparsePruning
import Testing

@Suite(.serialized) struct DeviceWeightTests {
    private func pattern(_ name: String) throws -> SparsityPattern { try #require(SparsityPattern(name)) }

    private func weight(_ random: inout SeededRandom, rows: Int, columns: Int, type: ElementType) throws -> Tensor {
        try Tensor(drawn(&random, rows * columns), shape: [rows, columns]).converted(to: type)
    }

    private func order(_ random: inout SeededRandom, _ count: Int) throws -> Permutation {
        var order = (0..<Int32(count)).map { $0 }
        for index in order.indices.reversed() where index > 0 { order.swapAt(index, random.integer(below: index + 1)) }
        return try #require(Permutation(order))
    }

    @Test(arguments: [ElementType.float32, .bfloat16, .float16], ["2:4", "4:8", "3:5", "1:32"])
    func salienciesAndMasksHaveTheSameBits(_ type: ElementType, _ name: String) throws {
        let pattern = try pattern(name)
        let backend = try emulatedBackend()
        let (device, host) = (backend.pruning, processor(for: backend))
        var random = SeededRandom(seed: 21)
        for groups in [1, 3, 70] {
            let (rows, columns) = (7, groups * pattern.group)
            let weight = try weight(&random, rows: rows, columns: columns, type: type)
            // Few factors and few weights tie often.
            let factors = (0..<columns).map { _ in Float(random.integer(below: 3)) / 2 }
            let order = try order(&random, columns)
            let expected = try host.saliency(of: weight, factors: factors)
            let found = try device.saliency(of: weight, factors: factors)
            #expect(try expected.values.map(\.bitPattern) == found.hostValues().map(\.bitPattern))
            #expect(try found.firstNonFinite() == nil)
            for order in [nil, order] {
                let bits = expected.maskBits(pattern: pattern, order: order, parallel: serial)
                #expect(try found.maskBits(pattern: pattern, order: order, parallel: serial) == bits)
                let share = expected.retainedShare(bits: bits, order: order) ?? -1
                #expect(abs((try found.retainedShare(bits: bits, order: order) ?? -1) - share) <= 1e-12 * share)
            }
            let sums = SaliencyMatrix.columnSums(of: [expected, expected])
            #expect(try CUDASaliency.columnSums(of: [found, found]).map(\.bitPattern) == sums.map(\.bitPattern))
        }
    }

    @Test func hostileSaliencies() throws {
        let device = try emulatedBackend().pruning
        let weight = try Tensor([Float](repeating: 1, count: 24), shape: [2, 12])
        let values: [Float] = [0, -0.0, 0, 1, 1, 1, 1, 1, .nan, .infinity, 2, -.infinity]
        let saliency = try device.saliency(of: weight, values: values + values.reversed())
        #expect(try saliency.firstNonFinite() == 8)
        let host = SaliencyMatrix(values + values.reversed(), columns: 12)
        #expect(
            try saliency.maskBits(pattern: .twoOfFour, order: nil, parallel: serial)
                == host.maskBits(pattern: .twoOfFour, order: nil, parallel: serial))
        let zeros = try device.saliency(of: weight, factors: [Float](repeating: 0, count: 12))
        let bits = try zeros.maskBits(pattern: .twoOfFour, order: nil, parallel: serial)
        #expect(bits == [0x33, 0x03, 0x33, 0x03])
        #expect(try zeros.retainedShare(bits: bits, order: nil) == nil)
        let integers = try Tensor(
            elementType: .uint8, shape: [1, 4], storage: ByteStorage(copying: [UInt8](0..<4)))
        #expect(throws: CUDAWeightError.elementType(.uint8, role: "a weight")) {
            _ = try device.saliency(of: integers, factors: [1, 1, 1, 1])
        }
    }

    /// Every swap is the same, and so is every figure: sums have one order on both sides.
    @Test(
        arguments: [
            ("2:4", 64, 16, [40]), ("2:4", 88, 32, [20, 9]), ("4:8", 72, 32, [33, 16]), ("1:2", 30, 8, [5]),
            ("3:5", 40, 20, [11]), ("16:32", 128, 64, [9]), ("2:4", 16, 16, [1100]), ("1:4", 300, 12, [3]),
        ])
    func shufflesAreTheSame(_ name: String, _ columns: Int, _ blockSize: Int, _ rows: [Int]) throws {
        let pattern = try pattern(name)
        let device = try emulatedBackend().pruning
        let heavy = rows.map { heavyTailed(rows: $0, columns: columns, seed: 1) }
        let tied = rows.map { wholeNumbers(rows: $0, columns: columns, below: 5, seed: 2) }
        for matrices in [heavy, tied] {
            let saliencies = try matrices.map { matrix in
                try device.saliency(of: Tensor(matrix.values, shape: [matrix.rows, columns]), values: matrix.values)
            }
            for steps in [ShuffleSteps.local, .both] {
                let shuffle = ChannelShuffle(steps: steps, local: LocalShuffle(blockSize: blockSize))
                let expected = shuffle.search(matrices, pattern: pattern, parallel: concurrent)
                let found = try shuffle.search(saliencies, pattern: pattern, parallel: concurrent)
                #expect(found == expected)
                if steps == .local, rows == [40] { #expect(found.swapCount > 0) }
            }
        }
    }

    /// Masks and errors, with what the device summed itself; ties in rounding may fall another way in a few rows.
    @Test(arguments: ["2:4", "4:8", "1:4", "3:5"], [false, true])
    func refinedMasksAgree(_ name: String, _ isOrdered: Bool) throws {
        let pattern = try pattern(name)
        let backend = try emulatedBackend()
        var random = SeededRandom(seed: 77)
        let (rows, columns) = (40, 10 * pattern.group)
        let weight = try weight(&random, rows: rows, columns: columns, type: .bfloat16)
        var values = (0..<3 * columns * columns).map { _ in Float(random.uniform() * 2 - 1) }
        for token in 0..<3 * columns {
            let common = Float(random.uniform() * 2 - 1)
            for channel in 0..<columns { values[token * columns + channel] += common }
            // A channel that nothing reaches.
            values[token * columns + 3] = 0
        }
        let sequence = try backend.activation(values, channels: columns, inHalf: true)
        let order = isOrdered ? try order(&random, columns) : nil
        func refined<D: PruningDevice<CUDAActivation>>(
            on device: D
        ) throws -> (bits: [UInt8], before: Double, after: Double) {
            let sums = try gathered(on: device, [sequence], channels: columns, skipping: 0)
            let saliency = try device.saliency(
                of: weight, factors: sums.range.sumOfSquares.map { Float($0.squareRoot()) })
            var bits = try saliency.maskBits(pattern: pattern, order: order, parallel: serial)
            let products = try #require(sums.products)
            let refiner = try #require(try device.refiner(products: products, order: order, pattern: pattern))
            let unrefined = bits
            let error = try refiner.refine(&bits, of: saliency, weight: weight, parallel: concurrent)
            #expect(bits != unrefined && error.after < error.before)
            return (bits, error.before, error.after)
        }
        let results = [try refined(on: processor(for: backend)), try refined(on: backend.pruning)]
        let bytes = (columns + 7) / 8
        let different = (0..<rows).count { row in
            results[0].bits[(row * bytes)..<((row + 1) * bytes)] != results[1].bits[(row * bytes)..<((row + 1) * bytes)]
        }
        #expect(different <= 1)
        #expect(abs(results[0].before - results[1].before) <= 1e-5 * results[0].before)
        #expect(abs(results[0].after - results[1].after) <= 1e-4 * results[0].before)
    }

    @Test func overflowingSumsCannotBeUsed() throws {
        let backend = try emulatedBackend()
        let sequence = try backend.activation([Float](repeating: 1e30, count: 8), channels: 4)
        let sums = try gathered(on: backend.pruning, [sequence], channels: 4, skipping: 0)
        let products = try #require(sums.products)
        #expect(try backend.pruning.refiner(products: products, order: nil, pattern: .twoOfFour) == nil)
    }
}
