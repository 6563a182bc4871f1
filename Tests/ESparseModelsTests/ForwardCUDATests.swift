// The forward pass of whole models on the emulated GPU: near transformers' logits, as near as 16 bits allow.

import ESparseCUDA
import ESparseCore
import ESparseModels
import ESparseTestSupport
import Testing

@Suite(.serialized) struct CUDAForwardTests {
    /// float16 keeps 11 bits of a product's factors and of what goes from one operation to the next.
    let checks: ForwardChecks<CUDABackend>

    private static func backend(_ type: HalfType) throws -> CUDABackend {
        let toolkit = try CUDAToolkit.load(
            LibrarySearch(environment: EmulatedCUDA.environment(), asksSystem: false))
        return try CUDABackend(type: type, toolkit: toolkit, cache: nil)
    }

    init() throws {
        checks = ForwardChecks(backend: try Self.backend(.float16), tolerance: 0.01)
    }

    @Test(arguments: ModelFixture.names) func equalsTransformers(_ name: String) throws {
        try checks.equalsTransformers(name)
    }

    /// bfloat16 keeps 8 bits.
    @Test(arguments: ModelFixture.names) func bfloat16IsNear(_ name: String) throws {
        try ForwardChecks(backend: try Self.backend(.bfloat16), tolerance: 0.05).equalsTransformers(name)
    }

    @Test(arguments: ["llama-plain", "llama-linear-rope", "opt-plain", "opt-post-norm"] + ModelFixture.families)
    func cachedEqualsWhole(_ name: String) throws {
        try checks.cachedEqualsWhole(name)
    }

    @Test(arguments: ["llama-head-size", "opt-projected-post-norm", "gemma2", "phi3"]) func batchedEqualsSingle(
        _ name: String
    ) throws {
        try checks.batchedEqualsSingle(name)
    }

    @Test(arguments: ModelFixture.names) func shuffledEqualsPlain(_ name: String) throws {
        try checks.shuffledEqualsPlain(name)
    }

    @Test(arguments: ["llama-linear-rope", "opt-plain"] + ModelFixture.families)
    func packedEqualsDense(_ name: String) throws {
        try checks.packedEqualsDense(name)
    }

    @Test(arguments: ["llama-grouped-tied", "opt-projected-untied", "gemma2", "gemma3-text-old"])
    func likelihoods(_ name: String) throws {
        try checks.likelihoodsEqualLogits(name)
    }
}
