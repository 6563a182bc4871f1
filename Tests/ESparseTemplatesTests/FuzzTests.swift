// Mutated templates and conversations end in a text or a `TemplateError`, never in a crash or a hang.

import ESparseFormats
import ESparseTemplates
import ESparseTestSupport
import Testing

@Suite struct FuzzTests {
    /// Text that means something to a template.
    private static let pieces = [
        "{{", "}}", "{%", "%}", "{#", "#}", "{%-", "-%}", "{% for x in messages %}", "{% endfor %}", "{% if x %}",
        "{% else %}", "{% endif %}", "{% set x = ", "{% set ns.x = ", "namespace(", "{% macro m(x) %}",
        "{% endmacro %}",
        "{{ m(1) }}", "{% call m() %}", "{% endcall %}", "{% break %}", "recursive", "loop(x)", "loop.", "caller()",
        "|tojson",
        "|join(", "|map('", "|select('", "|sort", "|list", "|replace(", "|int", "|float", "|round(", "|format(", " is ",
        " in ", " not ", " if ", " else ", "[", "]", "(", ")", "[::-1]", "[-1:]", ".split(", ".strip()", ".format(",
        " % ",
        " ** ", " // ", " ~ ", "'", "\"", "\\", ",", ":", "*", "-", "9223372036854775807", "1e308", "0", "1.5", "none",
        "{}",
        "'{:>9.3f}'", "'%s%d'", "range(", "99999", "missing", "x", "messages", "raise_exception(", "\u{3A3}",
        "\u{1F642}",
        "\n", "\t",
    ]

    /// Small, so that ten million inputs take hours and not weeks.
    private static var limits: TemplateLimits {
        var limits = TemplateLimits()
        limits.steps = 200_000
        limits.bytes = 1 << 24
        return limits
    }

    private static func templates() throws -> [String] {
        let own = try #require(TemplateFixtures.json("features.json")["cases"]?.array).compactMap {
            $0["template"]?.text
        }
        return try own + TemplateFixtures.realTemplates().sorted { $0.key < $1.key }.map(\.value)
    }

    private static func conversations() throws -> [JSONValue] {
        try #require(TemplateFixtures.json("families.json")["scenarios"]?.array)
    }

    @Test func mutatedTemplatesNeverCrash() throws {
        let variables = try TemplateFixtures.members(TemplateFixtures.json("features.json")["variables"])
            .merging(TemplateFixtures.conversation(FuzzTests.conversations()[14]).variables) { own, _ in own }
        let seeds = try FuzzTests.templates().map { Array($0.utf8) }
        let fuzz = Fuzz(seeds: seeds, stream: 40, iterations: 2000, pieces: FuzzTests.pieces)
        let outcome = fuzz.run { bytes in
            let template = try Template(String(decoding: bytes, as: UTF8.self), limits: FuzzTests.limits)
            _ = try template.render(variables, texts: ["bos_token": "<s>"], clock: TemplateFixtures.clock)
        } refused: { error, bytes in
            #expect(error is TemplateError, "\(String(decoding: bytes, as: UTF8.self))")
        }
        #expect(outcome.accepted > 0 && outcome.refused > 0)
    }

    @Test func mutatedConversationsNeverCrash() throws {
        let templates = try FuzzTests.templates().compactMap { try? Template($0, limits: FuzzTests.limits) }
        let seeds = try FuzzTests.conversations().map { $0.serialized(indented: false) }
        var turn = 0
        let outcome = Fuzz(seeds: seeds, stream: 41, iterations: 2000).run { bytes in
            let conversation = TemplateFixtures.conversation(try JSONParser.parse(bytes, repairsText: true))
            turn += 1
            // The real templates, which come last, see most of them.
            let place = turn % 4 == 0 ? turn : templates.count - 1 - turn % min(120, templates.count)
            _ = try templates[place % templates.count].render(conversation.variables, clock: TemplateFixtures.clock)
        }
        #expect(outcome.accepted > 0 && outcome.refused > 0)
    }
}
