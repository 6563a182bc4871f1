// Hostile templates end in one sentence that names the line, within bounds of time, memory and nesting.

import ESparseFormats
import ESparseTemplates
import Testing

@Suite struct HostileTests {
    private func render(_ source: String, _ variables: [String: JSONValue] = [:]) throws -> String {
        try Template(source).render(variables, clock: TemplateFixtures.clock).text
    }

    private func message(_ source: String, _ variables: [String: JSONValue] = [:]) -> String {
        do {
            return "no error: \(try render(source, variables).prefix(80))"
        } catch {
            return "\(error)"
        }
    }

    private func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }

    @Test func errorsNameTheLineAndTheProblem() {
        #expect(
            message("a\n{{ 'x' + 1 }}")
                == "the chat template fails at line 2: '+' does not go between a str and a int")
        #expect(message("\n\n{% if x") == "the chat template cannot be read at line 3: a tag is not closed")
        #expect(
            message("{{ raise_exception('no\nway') }}")
                == "the chat template refuses the conversation at line 1: no way")
        #expect(message("{{ x.y }}") == "the chat template fails at line 1: 'x' is undefined")
        #expect(
            message("{% macro m() %}\n\n{{ 1 // 0 }}{% endmacro %}\n{{ m() }}")
                == "the chat template fails at line 3: division by zero")
        #expect(message("{{ ''.__class__.__mro__ }}").contains("'__class__' is not safe"))
        #expect(message("{{ raise_exception('x' * 5000) }}").utf8.count < 500)
    }

    @Test func timeIsBounded() {
        let loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
        #expect(message(loops).contains("the chat template was stopped at line 1"))
        #expect(message("{% set x = 'a' * 3000000 %}{{ (x ~ 'b') in (x * 9) }}").contains("steps"))
        let search = "{% set x = 'a' * 1000000 %}{% for i in range(99999) %}{{ (x ~ 'b') in x }}{% endfor %}"
        #expect(message(search).contains("the chat template was stopped at line 1"))
        #expect(message("{{ " + repeated("x", 1_001) + " }}").contains("a name has more than 1000 letters"))
        #expect(!message("{{ " + repeated("x", 1_000) + " }}").contains("letters"))
        #expect(message("{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}").contains("nest more than"))
        #expect(message("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}").contains("nest more than"))
    }

    @Test func repeatedPartsAreCountedEachTime() {
        let pairs = "{% set n = namespace(x=1) %}{% for i in range(60) %}{% set n.x = (n.x, n.x) %}{% endfor %}"
        for use in [
            "{{ {n.x: 1} }}", "{{ n.x == n.x }}", "{{ n.x }}", "{{ n.x | tojson }}", "{{ [n.x] | unique | list }}",
        ] {
            #expect(message(pairs + use).contains("the chat template was stopped at line 1"), "\(use)")
        }
        let long = "{% set x = 'a' * 1000000 %}{% for i in range(99999) %}{% for j in range(999) %}"
        for use in [
            "x.strip('b')", "x.rfind('ab')", "x.rfind(x[1:] ~ 'b')", "x in {}", "'a'.strip(x)", "x is upper",
            "x.isalpha()",
            "x | upper", "x | length and x.count('ab')", "{}.get(x)", "x == x[1:] ~ 'b'", "x < x", "x.removeprefix(x)",
            "x.startswith(x)", "(x ~ 'b') is lower", "x | wordcount", "x[::-1]", "x | list | length",
            "x.split('ab') | length",
        ] {
            let text = message(long + "{% if \(use) %}{% endif %}{% endfor %}{% endfor %}")
            #expect(text.contains("the chat template was stopped at line 1"), "\(use): \(text)")
        }
    }

    @Test func memoryIsBounded() {
        #expect(message("{{ 'a' * 99999999999 }}").contains("bytes of text and values"))
        #expect(message("{{ [1] * 99999999999 }}").contains("bytes of text and values"))
        #expect(message("{{ 'a' * 9223372036854775807 }}").contains("bytes of text and values"))
        let doubling = "{% set n = namespace(x='ab') %}{% for i in range(64) %}{% set n.x = n.x + n.x %}{% endfor %}"
        #expect(message(doubling).contains("bytes of text and values"))
        let lists = "{% set n = namespace(x=[1]) %}{% for i in range(64) %}{% set n.x = n.x + n.x %}{% endfor %}"
        #expect(message(lists).contains("bytes of text and values"))
        let printed = "{% set x = ['a' * 1000000] * 1000 %}{{ x }}"
        #expect(message(printed).contains("the chat template was stopped at line 1"))
        #expect(message("{% set x = ['a' * 1000000] * 1000 %}{{ x | tojson }}").contains("was stopped at line 1"))
        #expect(message("{% set x = ['a' * 1000000] * 1000 %}{{ x | join }}").contains("bytes of text"))
        #expect(message("{{ ('a' * 100000).replace('a', 'a' * 100000) }}").contains("bytes of text"))
        #expect(message("{{ '{:>99999}'.format('x') }}").contains("is over 1000"))
        #expect(message("{{ '%99999d' % 1 }}").contains("is over 1000"))
        #expect(message("{{ range(100001) }}").contains("at most 100000"))
        #expect(message("{% for i in range(99999) %}{{ 'a' * 99999 }}{% endfor %}").contains("bytes of text"))
        #expect(message("{{ [1] | batch(99999999999, 0) | list }}").contains("bytes of text"))
        #expect(message("{{ [1] | slice(99999999999) | list }}").contains("bytes of text"))
        #expect(message("{{ 'x'.center(99999999999) }}").contains("bytes of text"))
        #expect(message("{{ 'a\nb' | indent(99999999999) }}").contains("bytes of text"))
    }

    @Test func nestingIsBounded() {
        #expect(message("{{ " + repeated("(", 5000) + "1" + repeated(")", 5000) + " }}").contains("nest more than 100"))
        #expect(message("{{ " + repeated("[", 5000) + repeated("]", 5000) + " }}").contains("nest more than 100"))
        #expect(message("{{ " + repeated("not ", 5000) + "x }}").contains("nest more than 100"))
        #expect(message("{{ " + repeated("-", 5000) + "1 }}").contains("nest more than 100"))
        #expect(message("{{ x" + repeated(".a", 5000) + " }}").contains("nest more than 100"))
        #expect(message("{{ x" + repeated("|trim", 5000) + " }}").contains("nest more than 100"))
        #expect(message("{{ " + repeated("1 if x else ", 5000) + "2 }}").contains("nest more than 100"))
        #expect(message(repeated("{% if x %}", 5000)).contains("nest more than 100"))
        #expect(
            message("{% set " + repeated("(", 5000) + "x" + repeated(")", 5000) + " = 1 %}").contains(
                "nest more than 100"))
        #expect(message("{{ 1" + repeated(" + 1", 5000) + " }}") == "no error: 5001")
        #expect(message("{{ 'a'" + repeated(" ~ 'a'", 5000) + " }}").hasPrefix("no error"))
        let nested = "{% set n = namespace(x=[]) %}{% for i in range(5000) %}{% set n.x = [n.x] %}{% endfor %}"
        #expect(message(nested).contains("values nest more than 100"))
        #expect(message(nested.replacing("[n.x]", with: "{'a': n.x}")).contains("values nest more than 100"))
        // As deep as it may be.
        let deepest = "{{ " + repeated("(", 97) + "1" + repeated(")", 97) + " }}"
        #expect(message(deepest) == "no error: 1")
        let macro = "{% macro m(n) %}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{{ n }}{% endmacro %}{{ m(40) }}"
        #expect(message(macro).hasPrefix("no error: 0123"))
    }

    @Test func circlesAndDeepChainsEnd() {
        #expect(message("{% set n = namespace() %}{% set n.x = n %}{{ n }}").contains("nests too deep"))
        #expect(message("{% set n = namespace() %}{% set n.x = [n] %}{{ n.x == [n] }}") == "no error: True")
        let chain = """
            {% set n = namespace(x=namespace()) %}{% for i in range(50000) %}{% set m = namespace() %}\
            {% set l = [m] %}{% set m.y = n.x %}{% set n.x = l %}{% endfor %}done
            """
        #expect(message(chain).hasPrefix("no error") || message(chain).contains("stopped"))
        for around in ["cycler", "joiner"] {
            let chain =
                "{% set n = namespace(c=1) %}{% for i in range(99999) %}{% set n.c = \(around)(n.c) %}{% endfor %}"
            #expect(message(chain).contains("values nest more than 100"))
        }
        #expect(message("{% for x in [1] %}{{ loop.changed(loop) }}{% endfor %}") == "no error: True")
        #expect(
            message("{% set m %}{% macro k() %}{{ k }}{% endmacro %}{{ k() }}{% endset %}{{ m }}").hasPrefix("no error")
        )
    }

    @Test func integersThatDoNotFitAreErrors() {
        for expression in [
            "9223372036854775807 + 1", "-9223372036854775807 - 2", "9223372036854775807 * 2", "2 ** 63", "10 ** 400",
            "1e300 | int", "'99999999999999999999' | int", "(-9223372036854775807 - 1) // -1",
            "-(-9223372036854775807 - 1)", "(-9223372036854775807 - 1) | abs",
        ] {
            #expect(message("{{ \(expression) }}").contains("does not fit 64 bits"), "\(expression)")
        }
        #expect(message("{{ 9223372036854775808 }}").contains("does not fit 64 bits"))
        #expect(message("{{ 'ab'.ljust(-9223372036854775807 - 1) }}") == "no error: ab")
        #expect(message("{{ 2 ** (-9223372036854775807 - 1) }}").contains("whole exponents only"))
        #expect(message("{{ (-9223372036854775807 - 1) % -1 }}") == "no error: 0")
        #expect(
            message("{{ 'abc'[-9223372036854775807 - 1:9223372036854775807:9223372036854775807] }}") == "no error: a")
        #expect(message("{{ range(-9223372036854775807, 9223372036854775807) }}").contains("too large"))
        #expect(message("{{ 'abc'.find('c', -9223372036854775807 - 1, 9223372036854775807) }}") == "no error: 2")
        #expect(message("{{ 'abc'[::-9223372036854775807 - 1] }}").contains("may not be"))
    }

    @Test func largeSourcesAreRefused() {
        #expect(message(repeated("a", 1 << 20 + 1)).contains("more than 1048576 bytes"))
        #expect(message(repeated("{{", 100_000)).contains("cannot be read"))
        #expect(message(repeated("{% set x = 1 %}", 60_000)) == "no error: ")
        let conditions = "{{ " + repeated("(1 if ", 20_000) + "1" + repeated(")", 20_000) + " }}"
        #expect(message(conditions).contains("nest more than 100"))
    }
}
