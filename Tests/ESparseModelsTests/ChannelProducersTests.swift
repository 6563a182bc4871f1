// Rows that stand for channels, on vectors made by hand, and which tensors follow the residual stream.

import ESparseCore
import ESparseModels
import ESparseTestSupport
import Testing

@Suite struct ChannelProducersTests {
    private let value = LinearDescription("value", rows: 4, columns: 2, hasBias: true)

    /// Two key/value heads of two channels, each read by two query heads.
    private var heads: ChannelProducers {
        ChannelProducers([LinearRows(value)], runLength: 2, copies: 2)
    }

    @Test func queryHeadsShareTheirKeyValueHeadsOrder() throws {
        #expect(heads.channelCount == 8)
        #expect(heads.channels(ofCopy: 0) == [0, 1, 4, 5])
        #expect(heads.channels(ofCopy: 1) == [2, 3, 6, 7])
        let rows = try #require(Permutation([1, 0, 2, 3]))
        #expect(heads.channelOrder(rows).order == [1, 0, 3, 2, 4, 5, 6, 7])
        #expect(heads.rowOrder(rows, of: value) == [1, 0, 2, 3])
    }

    @Test func innerChannelsAreRowsOfAllLinears() throws {
        let gate = LinearDescription("gate", rows: 3, columns: 2, hasBias: false)
        let up = LinearDescription("up", rows: 3, columns: 2, hasBias: false)
        let producers = ChannelProducers([LinearRows(gate), LinearRows(up)])
        let order = try #require(Permutation([2, 0, 1]))
        #expect(producers.channelOrder(order) == order)
        #expect(producers.rowOrder(order, of: gate) == [2, 0, 1])
        #expect(producers.rowOrder(order, of: up) == [2, 0, 1])
        #expect(producers.linears == [gate, up])
    }

    /// Two ranges of one linear's rows, as a fused gate and up have them.
    @Test func rangesOfAFusedLinear() throws {
        let fused = LinearDescription("fused", rows: 7, columns: 2, hasBias: false)
        let producers = ChannelProducers([LinearRows(fused, rows: 1..<4), LinearRows(fused, rows: 4..<7)])
        let order = try #require(Permutation([1, 2, 0]))
        #expect(producers.rowOrder(order, of: fused) == [0, 2, 3, 1, 5, 6, 4])
        #expect(producers.linears == [fused])
    }

    /// A projection before the stream leaves the token table as it is, a tied head in it included.
    @Test func tablesFollowTheStreamUnlessProjected() throws {
        func axes(_ name: String) throws -> [String: ResidualAxis] {
            try ModelArchitecture(configuration: ModelFixture(name).configuration).residualAxes()
        }
        let tied = try axes("llama-grouped-tied")
        #expect(tied["model.embed_tokens.weight"] == .columns && tied["lm_head.weight"] == nil)
        #expect(tied["model.norm.weight"] == .rows)
        #expect(tied["model.layers.1.self_attn.o_proj.weight"] == .rows)
        #expect(tied["model.layers.1.mlp.gate_proj.weight"] == .columns)
        #expect(tied["model.layers.1.mlp.down_proj.weight"] == .rows)
        let projected = try axes("opt-projected-post-norm")
        #expect(projected["model.decoder.embed_tokens.weight"] == nil)
        #expect(projected["model.decoder.project_in.weight"] == .rows)
        #expect(projected["model.decoder.project_out.weight"] == .columns)
        #expect(projected["model.decoder.embed_positions.weight"] == .columns)
        #expect(projected["model.decoder.layers.0.fc2.bias"] == .rows)
        #expect(projected["model.decoder.layers.0.fc1.bias"] == nil)
        #expect(try axes("llama-plain")["lm_head.weight"] == .columns)
    }
}
