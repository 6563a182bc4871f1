// What `esparse benchmark gemm --device cuda` says of a device: all kernels side by side.

import ESparseCUDA
import ESparseCore
import ESparseReport

extension GemmLayout {
    /// A kernel and its time, as JSON has them.
    private struct TimedKernel: Encodable {
        let name: String
        let seconds: Double
    }

    /// The layout for a backend on a device.
    static func cuda(_ backend: CUDABackend) -> GemmLayout {
        let device = backend.device.properties
        let (arithmetic, limitation) = (backend.type.rawValue, backend.limitation)
        let bandwidth =
            device.memoryBytesPerSecond > 0
            ? ", memory of \(Quantity.fixed(device.memoryBytesPerSecond / 1e9, decimals: 0)) GB/s by its clock" : ""
        let note = limitation.map { "note: \($0)\n" } ?? ""
        return GemmLayout(
            heading: "\(device.name), \(arithmetic)\(bandwidth); the dense side is cuBLASLt\n\(note)\n",
            members: {
                [
                    "device": device.name, "arithmetic": arithmetic, "version": toolVersion, "limitation": limitation,
                ]
            },
            pointMembers: { point in
                [
                    "kernels": point.kernels.map { TimedKernel(name: $0.name, seconds: $0.seconds) },
                    "cusparselt_weight_bytes": point.secondFormBytes,
                ]
            },
            columns: [
                .linear, .shape, .tokens, .pattern, Column(header: "kernel", cell: \.sparse.kernel),
                .sparseMilliseconds(decimals: 4), .denseMilliseconds(decimals: 4), .speedup,
                Column(header: "sparse TFLOP/s") {
                    Quantity.fixed($0.operations / $0.sparse.seconds / 1e12, decimals: 1)
                },
                Column(header: "sparse GB/s") {
                    Quantity.fixed(Double($0.sparse.weightBytes) / $0.sparse.seconds / 1e9, decimals: 0)
                },
                Column(header: "other kernels ms") { point in
                    point.kernels.filter { $0.name != point.sparse.kernel }
                        .map { "\($0.name) \(Quantity.fixed($0.seconds * 1000, decimals: 4))" }
                        .joined(separator: ", ")
                },
            ])
    }
}
