// Dense and 2:4 products: the descriptions given to the libraries mean x W^T row-major, and failures leak nothing.
//
// The fakes compute by the libraries' documented meaning of layouts, orders and transposes; the reference here is the
// plain product.

import ESparseCUDA
import ESparseCore
import Testing

/// Small integers, which 16-bit types hold exactly, and the plain product.
private struct Operands {
    let tokens: Int
    let rows: Int
    let columns: Int
    let input: [Float]
    let weight: [Float]
    let bias: [Float]
    let before: [Float]

    /// With `isSparse` the weight is 2:4.
    init(tokens: Int, rows: Int, columns: Int, isSparse: Bool = false) {
        self.tokens = tokens
        self.rows = rows
        self.columns = columns
        input = (0..<tokens * columns).map { Float($0 * 7 % 5) - 2 }
        weight = (0..<rows * columns).map { index in
            let isKept = !isSparse || [index / 4 % 3, index / 4 % 3 + 1].contains(index % 4)
            return isKept ? Float(index * 5 % 4) - 1 : 0
        }
        bias = (0..<rows).map { Float($0 % 3) - 1 }
        before = (0..<tokens * rows).map { Float($0 % 4) }
    }

    /// y `[tokens, rows]`.
    func product(hasBias: Bool, accumulates: Bool) -> [Float] {
        (0..<tokens * rows).map { index in
            let (token, row) = (index / rows, index % rows)
            let sum = (0..<columns).reduce(Float(0)) { $0 + input[token * columns + $1] * weight[row * columns + $1] }
            return sum + (hasBias ? bias[row] : 0) + (accumulates ? before[index] : 0)
        }
    }
}

extension HalfType {
    fileprivate func bits(_ values: [Float]) -> [UInt16] {
        values.map { self == .bfloat16 ? BFloat16($0).bitPattern : bits($0) }
    }

    /// Of a small integer.
    private func bits(_ value: Float) -> UInt16 {
        guard value != 0 else { return 0 }
        return UInt16(value < 0 ? 0x8000 : 0) | UInt16(Int(value.exponent) + 15) << 10
            | UInt16(value.significandBitPattern >> 13)
    }

    fileprivate func floats(_ bits: [UInt16]) -> [Float] {
        bits.map { self == .bfloat16 ? BFloat16(bitPattern: $0).float : Half.float($0) }
    }
}

@Suite struct DenseProductTests {
    @Test(arguments: HalfType.allCases, [ProductOutput.half, .float32])
    func productsAreRowMajor(_ type: HalfType, _ output: ProductOutput) throws {
        let machine = try FakeMachine()
        let device = try machine.device()
        let multiplier = try DenseMultiplier(device: device, library: .load(machine.search))
        let operands = Operands(tokens: 3, rows: 5, columns: 4)
        let input = try device.buffer(type.bits(operands.input)).all
        let weight = try device.buffer(type.bits(operands.weight)).all
        for (hasBias, accumulates) in [(false, false), (false, true), (true, false), (true, true)] {
            let shape = DenseProductShape(
                tokens: 3, rows: 5, columns: 4, type: type, output: output, hasBias: hasBias)
            let product = try multiplier.product(shape)
            func buffer(_ values: [Float]) throws -> DeviceSlice {
                output == .half ? try device.buffer(type.bits(values)).all : try device.buffer(values).all
            }
            let result = try buffer(operands.before)
            try product.run(
                weight: weight, input: input, bias: hasBias ? buffer(operands.bias) : nil, output: result,
                accumulates: accumulates)
            let values =
                output == .half
                ? type.floats(try result.download(count: 15)) : try result.download(Float.self, count: 15)
            #expect(values == operands.product(hasBias: hasBias, accumulates: accumulates))
        }
        #expect(machine.dense["workspace"] == 32 << 20 && machine.dense["alignment"] == 16)
    }

    @Test func anOutputMayBePartOfAWiderMatrix() throws {
        let machine = try FakeMachine()
        let device = try machine.device()
        let multiplier = try DenseMultiplier(device: device, library: .load(machine.search))
        let operands = Operands(tokens: 2, rows: 4, columns: 4)
        let shape = DenseProductShape(
            tokens: 2, rows: 4, columns: 4, type: .bfloat16, output: .float32, outputStride: 12)
        let wide = try device.buffer([Float](repeating: 77, count: 24))
        try multiplier.product(shape).run(
            weight: device.buffer(HalfType.bfloat16.bits(operands.weight)).all,
            input: device.buffer(HalfType.bfloat16.bits(operands.input)).all, output: wide.slice(from: 16))
        let values = try wide.all.download(Float.self, count: 24)
        let product = operands.product(hasBias: false, accumulates: false)
        #expect(Array(values[4..<8]) == Array(product[0..<4]) && Array(values[16..<20]) == Array(product[4..<8]))
        #expect(values[0..<4].allSatisfy { $0 == 77 } && values[8..<16].allSatisfy { $0 == 77 })
    }

    @Test func aSearchKeepsTheFastestAlgorithmThatRuns() throws {
        let machine = try FakeMachine()
        let device = try machine.device()
        let multiplier = try DenseMultiplier(device: device, library: .load(machine.search))
        machine.dense["algorithms"] = 20
        let shape = DenseProductShape(tokens: 1, rows: 8, columns: 8, type: .bfloat16, output: .half)
        let product = try multiplier.product(shape)
        #expect(product.algorithmCount == 16 && product.algorithm == 0)
        let input = try device.allocate(16).all
        let weight = try device.allocate(128).all
        let output = try device.allocate(16).all
        // The clock of the fake stands still, so all that run are equally fast: the first of them is kept.
        machine.dense["refused"] = 0
        try product.search(weight: weight, input: input, output: output)
        #expect(product.algorithm == 1)
        #expect(machine.dense.count("cublasLtMatmul") == 1 + 15 * 6)
        product.algorithm = 7
        try product.run(weight: weight, input: input, output: output)
        #expect(machine.dense["algorithm"] == 7)
        machine.dense.fail("cublasLtMatmul", 13)
        let error = #expect(throws: CUDAError.self) {
            try product.search(weight: weight, input: input, output: output)
        }
        #expect(
            error?.description == "cuBLASLt cannot run a product of 1 token with a 8x8 weight in bfloat16: "
                + "CUBLAS_STATUS_BAD (code 13)")
    }

    @Test func aProductWithoutAlgorithmsIsNamed() throws {
        let machine = try FakeMachine()
        let multiplier = try DenseMultiplier(device: machine.device(), library: .load(machine.search))
        machine.dense["algorithms"] = 0
        let shape = DenseProductShape(tokens: 2, rows: 8, columns: 16, type: .float16, output: .half)
        let error = #expect(throws: CUDAError.self) { try multiplier.product(shape) }
        #expect(
            error?.description
                == "cuBLASLt has no algorithm for a product of 2 tokens with a 8x16 weight in float16")
        #expect(machine.dense["products"] == 0 && machine.dense["layouts"] == 0 && machine.dense["preferences"] == 0)
    }

    @Test(arguments: [
        "cublasLtCreate", "cublasLtMatmulDescCreate", "cublasLtMatmulDescSetAttribute", "cublasLtMatrixLayoutCreate",
        "nth layout 2", "nth layout 3", "cublasLtMatmulPreferenceCreate", "cublasLtMatmulPreferenceSetAttribute",
        "cublasLtMatmulAlgoGetHeuristic", "cublasLtMatmul", "nothing",
    ])
    func whatFailsLeavesNothing(_ function: String) throws {
        let machine = try FakeMachine()
        if let number = function.split(separator: " ").last.flatMap({ Int($0) }) {
            machine.dense["nth layout"] = number
        } else {
            machine.dense.fail(function, 3)
        }
        func use() throws {
            let device = try machine.device()
            let multiplier = try DenseMultiplier(device: device, library: .load(machine.search))
            let shape = DenseProductShape(tokens: 1, rows: 8, columns: 8, type: .bfloat16, output: .half)
            try multiplier.product(shape).run(
                weight: device.allocate(128).all, input: device.allocate(16).all, output: device.allocate(16).all)
        }
        if function == "nothing" {
            try use()
            #expect(machine.dense.count("cublasLtMatrixLayoutCreate") == 3)
        } else {
            let error = #expect(throws: CUDAError.self) { try use() }
            #expect(error?.description.hasPrefix("cuBLASLt cannot ") == true)
            #expect(error?.description.hasSuffix(": CUBLAS_STATUS_BAD (code 3)") == true)
        }
        for kind in ["handles", "products", "layouts", "preferences"] { #expect(machine.dense[kind] == 0, "\(kind)") }
        #expect(machine.driver["buffers"] == 0 && machine.driver["contexts"] == 0)
    }
}

@Suite struct SparseProductTests {
    @Test(arguments: HalfType.allCases) func productsAreRowMajor(_ type: HalfType) throws {
        let machine = try FakeMachine()
        let device = try machine.device()
        let multiplier = try SparseMultiplier(device: device, library: .load(machine.search))
        let operands = Operands(tokens: 8, rows: 16, columns: 32, isSparse: true)
        let weight = try multiplier.compress(
            dense: device.buffer(type.bits(operands.weight)).all, rows: 16, columns: 32, type: type)
        #expect(weight.byteCount == 32 + 1024)
        let input = try device.buffer(type.bits(operands.input)).all
        for (hasBias, accumulates) in [(false, false), (false, true), (true, false), (true, true)] {
            let shape = SparseProductShape(tokens: 5, rows: 16, columns: 32, type: type, hasBias: hasBias)
            #expect(shape.tokens == 8)
            let bias = hasBias ? try device.buffer(type.bits(operands.bias)).all : nil
            let product = try multiplier.product(shape, bias: bias)
            let output = try device.buffer(type.bits(operands.before)).all
            try product.run(weight: weight, input: input, output: output, accumulates: accumulates)
            #expect(
                type.floats(try output.download(count: 128))
                    == operands.product(hasBias: hasBias, accumulates: accumulates))
        }
    }

    @Test func tokensArePaddedToEight() {
        #expect([1, 7, 8, 9, 16, 17].map(SparseProductShape.paddedTokens) == [8, 8, 8, 16, 16, 24])
    }

    @Test func weightsThatDoNotFitAreNamed() throws {
        let machine = try FakeMachine()
        let device = try machine.device()
        let multiplier = try SparseMultiplier(device: device, library: .load(machine.search))
        let dense = try device.buffer([UInt16](repeating: 0x3f80, count: 512)).all
        let shape = #expect(throws: CUDAError.self) {
            try multiplier.compress(dense: dense, rows: 16, columns: 24, type: .bfloat16)
        }
        #expect(
            shape?.description
                == "cuSPARSELt cannot take a 16x24 weight: rows and columns must be multiples of 16")
        #expect(machine.sparse.count("cusparseLtStructuredDescriptorInit") == 0)
        let full = #expect(throws: CUDAError.self) {
            try multiplier.compress(dense: dense, rows: 16, columns: 32, type: .bfloat16)
        }
        #expect(full == .notTwoOfFour(rows: 16, columns: 32))
        #expect(machine.sparse["matrices"] == 0 && machine.sparse.count("cusparseLtSpMMACompress2") == 0)
    }

    @Test func aSearchFindsAnAlgorithmThatAProfileCanKeep() throws {
        let machine = try FakeMachine()
        let device = try machine.device()
        let multiplier = try SparseMultiplier(device: device, library: .load(machine.search))
        let operands = Operands(tokens: 8, rows: 16, columns: 16, isSparse: true)
        let weight = try multiplier.compress(
            dense: device.buffer(HalfType.bfloat16.bits(operands.weight)).all, rows: 16, columns: 16, type: .bfloat16)
        let input = try device.buffer(HalfType.bfloat16.bits(operands.input)).all
        let output = try device.allocate(256).all
        let shape = SparseProductShape(tokens: 8, rows: 16, columns: 16, type: .bfloat16)
        let product = try multiplier.product(shape)
        #expect(
            try product.algorithm == SparseAlgorithm(identifier: 0, splitCount: 1, splitMode: 0, splitBuffers: 0))
        #expect(machine.driver["last bytes"] == 1024)
        let found = try product.search(weight: weight, input: input, output: output)
        #expect(found == SparseAlgorithm(identifier: 3, splitCount: 2, splitMode: 1, splitBuffers: 1))
        #expect(try machine.driver["last bytes"] == 4096 && product.algorithm == found)
        try product.run(weight: weight, input: input, output: output)
        let values: [UInt16] = try output.download(count: 128)
        #expect(HalfType.bfloat16.floats(values) == operands.product(hasBias: false, accumulates: false))

        #expect(try multiplier.product(shape, algorithm: found).algorithm == found)
        let plain = SparseAlgorithm(identifier: 4, splitCount: 1, splitMode: 0, splitBuffers: 0)
        #expect(try multiplier.product(shape, algorithm: plain).algorithm == plain)
        machine.sparse["limit"] = 3
        let error = #expect(throws: CUDAError.self) { try multiplier.product(shape, algorithm: found) }
        #expect(error == .productUnsupported(.sparse, product: shape.description))
    }

    @Test(arguments: [
        "cusparseLtInit", "cusparseLtStructuredDescriptorInit", "cusparseLtSpMMAPruneCheck2",
        "cusparseLtSpMMACompressedSize2", "cusparseLtSpMMACompress2", "nth matrix 1", "nth matrix 2",
        "cusparseLtMatmulDescriptorInit", "cusparseLtMatmulDescSetAttribute", "cusparseLtMatmulAlgSelectionInit",
        "cusparseLtMatmulAlgGetAttribute", "cusparseLtMatmulAlgSetAttribute", "cusparseLtMatmulPlanInit",
        "cusparseLtMatmulGetWorkspace", "cusparseLtMatmul", "cusparseLtMatmulSearch", "nothing",
    ])
    func whatFailsLeavesNothing(_ function: String) throws {
        let machine = try FakeMachine()
        if let number = function.split(separator: " ").last.flatMap({ Int($0) }) {
            machine.sparse["nth matrix"] = number
        } else {
            machine.sparse.fail(function, 10)
        }
        func use() throws {
            let device = try machine.device()
            let multiplier = try SparseMultiplier(device: device, library: .load(machine.search))
            let zeros = try device.buffer([UInt16](repeating: 0, count: 256)).all
            let weight = try multiplier.compress(dense: zeros, rows: 16, columns: 16, type: .float16)
            let product = try multiplier.product(
                SparseProductShape(tokens: 16, rows: 16, columns: 16, type: .float16, hasBias: true), bias: zeros,
                algorithm: SparseAlgorithm(identifier: 1, splitCount: 1, splitMode: 0, splitBuffers: 0))
            try product.run(weight: weight, input: zeros, output: device.allocate(512).all)
            try product.search(weight: weight, input: zeros, output: device.allocate(512).all)
        }
        if function == "nothing" {
            try use()
            #expect(machine.sparse.count("cusparseLtMatmulPlanInit") == 1)
        } else {
            let error = #expect(throws: CUDAError.self) { try use() }
            #expect(error?.description.hasPrefix("cuSPARSELt cannot ") == true)
            let reason = function.hasPrefix("nth") ? ": invalid value (code 3)" : ": operation not supported (code 10)"
            #expect(error?.description.hasSuffix(reason) == true)
        }
        for kind in ["handles", "matrices", "selections", "plans"] { #expect(machine.sparse[kind] == 0, "\(kind)") }
        #expect(machine.driver["buffers"] == 0 && machine.driver["contexts"] == 0)
    }

    @Test func anOlderLibraryWithoutSelectionsToDestroyWillDo() throws {
        let folder = try TestFolder()
        let sparse = try FakeLibrary(
            .sparse, in: folder.path, without: "cusparseLtMatmulAlgSelectionDestroy")
        let driver = try FakeLibrary(.driver, in: folder.path)
        let search = LibrarySearch(environment: ["LD_LIBRARY_PATH": folder.path], asksSystem: false, root: folder.path)
        let device = try CUDADevice(driver: .load(search))
        let multiplier = try SparseMultiplier(device: device, library: .load(search))
        _ = try multiplier.product(SparseProductShape(tokens: 8, rows: 16, columns: 16, type: .float16))
        #expect(sparse["plans"] == 0 && sparse["matrices"] == 0 && driver["buffers"] == 0)
    }
}
