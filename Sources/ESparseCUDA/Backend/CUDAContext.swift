// State shared by all parts of a backend: the device, its kernels and libraries, and the prepared products.

import ESparseCore
import Synchronization

/// A device with everything that operations start on it.
final class CUDAContext: Sendable {
    let device: CUDADevice
    let kernels: KernelLibrary
    let dense: DenseMultiplier
    /// cuSPARSELt on the device, or why it is not there.
    let sparse: Result<SparseMultiplier, CUDAError>
    /// What linears multiply in and the KV cache holds.
    let type: HalfType
    /// Page-locked memory for copies of activations.
    let staging: StagingMemory

    private let denseProducts = Mutex<[DenseProductShape: DenseProduct]>([:])
    private let gramProducts = Mutex<[GramProductShape: GramProduct]>([:])
    private let rotaryTables = Mutex<[RotaryAngles: CUDARotaryTable]>([:])
    private let places = Mutex<BatchPlaces?>(nil)

    /// The most prepared products that are kept; prompts of many lengths would pile them up.
    private static let mostProducts = 512

    init(
        device: CUDADevice, kernels: KernelLibrary, dense: DenseMultiplier, sparse: Result<SparseMultiplier, CUDAError>,
        type: HalfType
    ) {
        self.device = device
        self.kernels = kernels
        self.dense = dense
        self.sparse = sparse
        self.type = type
        staging = StagingMemory(device: device)
    }

    /// Puts a kernel on the stream; a grid without blocks does nothing.
    func launch(
        _ name: String, in source: KernelSource, grid: (x: Int, y: Int, z: Int), block: Int, sharedBytes: Int = 0,
        _ arguments: [KernelArgument]
    ) throws(CUDAError) {
        guard grid.x > 0, grid.y > 0, grid.z > 0 else { return }
        try kernels.kernel(name, in: source).launch(
            grid: LaunchSize(grid.x, grid.y, grid.z), block: block, sharedBytes: sharedBytes, arguments)
    }

    /// Puts a kernel of `elements.cu` that works on `count` elements on the stream; its element count is not among `arguments`
    /// but goes before the last `outputs` of them.
    func launchElements(
        _ name: String, count: Int, _ arguments: [KernelArgument], output: DeviceSlice
    ) throws(CUDAError) {
        try launch(
            name, in: .elements, grid: ((count + 255) / 256, 1, 1), block: 256,
            arguments + [.int64(Int64(count)), .pointer(output)])
    }

    /// The dense product of a shape, prepared once.
    func product(_ shape: DenseProductShape) throws(CUDAError) -> DenseProduct {
        if let product = denseProducts.withLock({ $0[shape] }) { return product }
        let product = try dense.product(shape)
        denseProducts.withLock { products in
            if products.count >= Self.mostProducts { products.removeAll() }
            products[shape] = product
        }
        return product
    }

    /// The sums of products of a shape, prepared once; there are few, as all sequences of a calibration are of one length.
    func product(_ shape: GramProductShape) throws(CUDAError) -> GramProduct {
        if let product = gramProducts.withLock({ $0[shape] }) { return product }
        let product = try GramProduct(shape, multiplier: dense)
        gramProducts.withLock { $0[shape] = product }
        return product
    }

    /// One table for all attentions with the same angles.
    func rotaryTable(_ angles: RotaryAngles) -> CUDARotaryTable {
        rotaryTables.withLock { tables in
            if let table = tables[angles] { return table }
            let table = CUDARotaryTable(angles, device: device)
            tables[angles] = table
            return table
        }
    }

    /// Tokens to look up on the device: the current step's own, where there is one.
    func indices(_ tokens: [Int32]) throws(CUDAError) -> DeviceSlice {
        if let step = DecodingStep.current { return step.tokens }
        return try device.buffer(tokens).all
    }

    /// Sequence and position of every token of a batch on the device; all layers of a pass share them. Those of the current step where
    /// there is one.
    func places(of batch: TokenBatch) throws(CUDAError) -> BatchPlaces {
        if let step = DecodingStep.current { return step.places }
        let signature = BatchPlaces.signature(batch)
        if let places = places.withLock({ $0 }), places.signature == signature { return places }
        let made = try BatchPlaces(batch, signature: signature, device: device)
        places.withLock { $0 = made }
        return made
    }
}
