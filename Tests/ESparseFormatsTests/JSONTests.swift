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
        let expected = JSONValue.sorted([
            "a": .array([.integer(1), .integer(-2), .number(3.5), .number(100), .number(9_223_372_036_854_775_808)]),
            "b": .sorted(["c": .null, "d": .boolean(true), "e": .boolean(false)]), "f": .text("x\né😀\"/"),
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

    /// Swift holds "é" and "e\u{301}" for equal.
    @Test func keysAndTextsKeepTheirBytes() throws {
        let text = #"{"\u00e9":1,"e\u0301":2,"x":"e\u0301","z":null}"#
        let value = try parse(text)
        #expect(value["\u{E9}"] == .integer(1) && value["e\u{301}"] == .integer(2))
        #expect(value["x"]?.bytes == [0x65, 0xCC, 0x81] && value["x"] != .text("\u{E9}"))
        #expect(value["z"] == nil && value["y"] == nil)
        #expect(
            String(decoding: value.serialized(indented: false), as: UTF8.self).utf8.elementsEqual(
                "{\"\u{E9}\":1,\"e\u{301}\":2,\"x\":\"e\u{301}\",\"z\":null}".utf8))
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
        #expect(try JSONParser.parse([0x22, 0xFF, 0x22], repairsText: true) == .text("\u{FFFD}"))
        #expect(try parse(#""\ud800x""#, repairsText: true) == .text("\u{FFFD}x"))
        #expect(try parse(#""\ud800\u0041""#, repairsText: true) == .text("\u{FFFD}A"))
    }

    @Test func writesSortedKeysAndEscapes() {
        let value = JSONValue.sorted(["b": .integer(1), "a": .text("\u{1}\t\\\"é"), "B": .array([])])
        #expect(
            String(decoding: value.serialized(indented: false), as: UTF8.self) == #"{"B":[],"a":"\u0001\t\\\"é","b":1}"#
        )
    }
}
