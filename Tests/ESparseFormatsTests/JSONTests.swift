// The strict JSON parser and the sorted writer.

import ESparseFormats
import Testing

@Suite struct JSONTests {
    private func parse(_ text: String, repairsText: Bool = false) throws -> JSONValue {
        try JSONParser.parse(Array(text.utf8), repairsText: repairsText)
    }

    @Test func readsEveryKindOfValue() throws {
        let text =
            #" {"a" : [1, -2, 3.5, 1e2, 9223372036854775808], "b":{"c":null,"d":true,"e":false},"f":"x\n\u00e9\ud83d\ude00\"\/"} "#
        let expected = JSONValue.object([
            "a": .array([.integer(1), .integer(-2), .number(3.5), .number(100), .number(9_223_372_036_854_775_808)]),
            "b": .object(["c": .null, "d": .bool(true), "e": .bool(false)]), "f": .string("x\né😀\"/"),
        ])
        #expect(try parse(text) == expected)
        #expect(try JSONParser.parse(expected.serialized(indented: true)) == expected)
        #expect(try JSONParser.parse(expected.serialized(indented: false)) == expected)
    }

    @Test(arguments: [
        "", " ", "{", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "01", "1.", ".5", "1e", "-", "+1", "tru", "nul", "\"",
        "\"\\x\"",
        "\"\\u12g4\"", "\"\\ud800\"", "\"a\nb\"", "1 2", "{\"a\":1,\"a\":2}", "1e999", "NaN", "[",
        "{\"\\u0061\":1,\"a\":2}",
    ])
    func refuses(_ text: String) {
        #expect(throws: JSONParser.Failure.self) { try parse(text) }
    }

    @Test func depthIsLimited() throws {
        let open = String(repeating: "[", count: 100_000)
        #expect(throws: JSONParser.Failure.self) { try parse(open) }
        let fine =
            String(repeating: "[", count: JSONParser.maximumDepth)
            + String(repeating: "]", count: JSONParser.maximumDepth)
        #expect(throws: Never.self) { try parse(fine) }
    }

    @Test func repairsTextOnDemand() throws {
        #expect(throws: JSONParser.Failure.self) { try JSONParser.parse([0x22, 0xFF, 0x22]) }
        #expect(try JSONParser.parse([0x22, 0xFF, 0x22], repairsText: true) == .string("\u{FFFD}"))
        #expect(try parse(#""\ud800x""#, repairsText: true) == .string("\u{FFFD}x"))
        #expect(try parse(#""\ud800\u0041""#, repairsText: true) == .string("\u{FFFD}A"))
    }

    @Test func writesSortedKeysAndEscapes() {
        let value = JSONValue.object(["b": .integer(1), "a": .string("\u{1}\t\\\"é"), "B": .array([])])
        #expect(
            String(decoding: value.serialized(indented: false), as: UTF8.self) == #"{"B":[],"a":"\u0001\t\\\"é","b":1}"#
        )
    }
}
