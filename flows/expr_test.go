package flows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
)

// event decodes JSON like the event of a caller.
func event(t testing.TB, s string) any {
	t.Helper()
	v, err := flows.DecodeJSON([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Values that no program computes with are unchanged; integers stay exact in computations.
func TestNumbersAreExact(t *testing.T) {
	t.Parallel()
	const in = `{"id":9007199254740993123,"price":1.10,"tiny":1e-400,"big":123456789012345678901234567890,"neg":-0.0}`
	tests := []struct{ step, want string }{
		{"transform: .", "[" + in + "]"},
		{"transform: '[.id, .price, .tiny]'", `[[9007199254740993123,1.10,1e-400]]`},
		{"set: {id: '${ .id }', price: '${ .price }'}", `[{"id":9007199254740993123,"price":1.10}]`},
		{"set: {text: 'id ${ .id } costs ${ .price }'}", `[{"text":"id 9007199254740993123 costs 1.10"}]`},
		{"set: {a: 1.10, b: 1e3, c: 123456789012345678901234567890, d: 0x1F}", `[{"a":1.10,"b":1e3,"c":123456789012345678901234567890,"d":31}]`},
		{"transform: .id + 1", `[9007199254740993124]`},
		{"transform: .big * .big", `[15241578753238836750495351562536198787501905199875019052100]`},
		{"transform: .id == 9007199254740993123, .id == 9007199254740993122", `[true,false]`},
		{"split: '[.id, .id - 1] | sort[]'", `[9007199254740993122,9007199254740993123]`},
		{"transform: '[.] | group_by(.id) | .[0][0].price'", `[1.10]`},
		{"transform: tojson | fromjson | .id", `[9007199254740993123]`},
		{"transform: '{} | .n = 5 | .n += 1 | .n'", `[6]`},
	}
	for _, test := range tests {
		out := execute(t, parse(t, "  - "+test.step+"\n"), event(t, in), flows.Env{})
		want(t, out, sortCost(t, test.want))
	}
}

// sortCost is JSON with the members in order.
func sortCost(t testing.TB, s string) string { return string(flows.EncodeJSON(event(t, s))) }

func TestVariables(t *testing.T) {
	t.Parallel()
	flow := parseFile(t, `
flow: 7
vars: {greeting: hi}
trigger: {webhook: {params: [debug], headers: [X-Trace]}}
steps:
  - name: rows
    split: .rows[]
  - name: doubled
    transform: ., .
  - set:
      event: ${ $event.rows | length }
      row: ${ $steps.rows.id }
      same: ${ $steps["rows"] }
      doubled: ${ $steps.doubled.id }
      vars: ${ $vars.greeting }
      debug: ${ $params.debug }
      trace: ${ $headers["x-trace"] }
      declared: ${ $headers["x-other"] }
      flow: ${ $run.flow }
      run: ${ $run.id }/${ $run.attempt }/${ $run.principal }
      deadline: ${ $run.deadline }
      version: ${ $run.version | length }
      index: ${ $index }
`)
	run := flows.Run{
		ID: "r", Attempt: 2, Principal: "key:k", Event: event(t, `{"rows":[{"id":1}]}`),
		Params: map[string]string{"debug": "1"}, Headers: map[string]string{"x-trace": "t", "x-other": "o"},
		Deadline: time.Date(2126, 11, 21, 20, 0, 0, 0, time.UTC),
	}
	output, err := flow.Execute(t.Context(), run, flows.Env{})
	if err != nil {
		t.Fatal(err)
	}
	want(t, output[1], `{"deadline":"2126-11-21T20:00:00Z","debug":"1","declared":"o","doubled":1,"event":1,"flow":7,"index":1,`+
		`"row":1,"run":"r/2/key:k","same":{"id":1},"trace":"t","vars":"hi","version":64}`)
	if got := strings.Join(flow.Webhook.Headers, " "); got != "x-trace x-other" {
		t.Errorf("headers %q, naming one declares it", got)
	}
}

// The result of an expression is not evaluated as a template.
func TestValuesAreRenderedOnce(t *testing.T) {
	t.Parallel()
	flow := parse(t, "  - set: {a: '${ .x }', b: 'is ${ .x }'}\n  - set: {c: '${ .a }', d: '${ .b }'}\n")
	want(t, execute(t, flow, event(t, `{"x":"${ $run.id }"}`), flows.Env{}), `[{"c":"${ $run.id }","d":"is ${ $run.id }"}]`)
}

func TestScan(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text, literals, programs string
		open                     int
	}{
		{"plain", "plain", "", -1},
		{"a ${ .b } c", "a | c", " .b ", -1},
		{"${ {a: {b: 1}} }", "", " {a: {b: 1}} ", -1},
		{`${ "}" }`, "", ` "}" `, -1},
		{`${ "\(.a | {b: "}"} | .b)}" } z`, " z", ` "\(.a | {b: "}"} | .b)}" `, -1},
		{`${ "\"}" }`, "", ` "\"}" `, -1},
		{"${ .a # }\n }", "", " .a # }\n ", -1},
		{"$${ .a } ${ .b }", "${ .a } ", " .b ", -1},
		{"$$5 and $", "$$5 and $", "", -1},
		{"${a}${b}", "", "a|b", -1},
		{"${ (.a }", "", " (.a ", -1},
		{"x ${ .a", "", "", 2},
		{"${ .a # never }", "", "", 0},
		{`${ "unclosed }`, "", "", 0},
		{"${", "", "", 0},
	}
	for _, test := range tests {
		literals, programs, open := flows.Scan(test.text)
		if strings.Join(literals, "|") != test.literals || strings.Join(programs, "|") != test.programs || open != test.open {
			t.Errorf("%s: literals %q, programs %q, open at %d", test.text, literals, programs, open)
		}
	}
}

// The size checks that bound programs do not change results: jq and a flow agree on each of these programs.
func TestGuardedProgramsMeanTheSame(t *testing.T) {
	t.Parallel()
	tests := []struct{ program, want string }{
		{`.a + .b, .a - .b, .a * .b, .a / .b, .a % .b`, `[9,5,14,3.5,1]`},
		{`(1,2) + (10,20)`, `[11,12,21,22]`},
		{`(1,2) * (10,20)`, `[10,20,20,40]`},
		{`[.a, .b] | . + ["x"] | join("-")`, `["7-2-x"]`},
		{`"\(.a) and \(.s)"`, `["7 and text"]`},
		{`.l += ["z"] | .l`, `[["x","y","z"]]`},
		{`.l[0] |= . + "!" | .l`, `[["x!","y"]]`},
		{`.l |= map(. * 2)`, `[{"a":7,"b":2,"l":["xx","yy"],"o":{"k":1},"s":"text"}]`},
		{`.o.n //= 5 | .o`, `[{"k":1,"n":5}]`},
		{`.a -= 1 | .b *= 3 | .a /= 2 | [.a, .b]`, `[[3,6]]`},
		{`.a += (1,2) | .a`, `[8,9]`},
		{`.l[.b - 1]`, `["y"]`},
		{`.l[.b - 1:]`, `[["y"]]`},
		{`.l[.b - 1] = 0 | .l`, `[["x",0]]`},
		{`[.l | .[] as $x | $x + "."]`, `[["x.","y."]]`},
		{`path(.o.k), path(.l[.b - 1])`, `[["o","k"],["l",1]]`},
		{`[paths] | length`, `[8]`},
		{`del(.l[0]) | .l`, `[["y"]]`},
		{`.l | contains(["x"]), inside(["x", "y", "z"]), index("y"), indices("x")`, `[true,true,1,[0]]`},
		{`.s | contains("ex"), index("e"), test("^t"), split("e"), explode[0]`, `[true,1,true,["t","xt"],116]`},
		{`.s | gsub("t"; "T"), sub("(?<a>e)"; "<\(.a)>"), [scan("[a-z]")], capture("(?<x>x)").x`, `["TexT","t<e>xt",["t","e","x","t"],"x"]`},
		{`[.l, [1]] | transpose`, `[[["x",1],["y",null]]]`},
		{`[3, 1, 2] | sort, sort_by(-.), min, max, unique, add, (map({k: .}) | group_by(.k > 1) | length)`, `[[1,2,3],[3,2,1],1,3,[1,2,3],6,2]`},
		{`.o | to_entries, with_entries(.value += 1), tojson, keys`, `[[{"key":"k","value":1}],{"k":2},"{\"k\":1}",["k"]]`},
		{`@base64 "a\(.s)", (.s | @base64), @json, (.l | @csv)`, `["adGV4dA==","dGV4dA==","{\"a\":7,\"b\":2,\"l\":[\"x\",\"y\"],\"o\":{\"k\":1},\"s\":\"text\"}","\"x\",\"y\""]`},
		{`.a == 7, .s == "text", .o == {k: 1}, .l < ["z"], .l != ["x", "y"]`, `[true,true,true,true,false]`},
		{`([.[]?] | length), (try error("x") catch .), (.a | tostring), ("12" | tonumber)`, `[5,"x","7",12]`},
		{`{"\(.s)x": 1}, {(.s): 2}, {"a b": 3}, {s}, {"\(.s)"}`, `[{"textx":1},{"text":2},{"a b":3},{"s":"text"},{"text":null}]`},
		{`def f(x): x + 1; f(.a)`, `[8]`},
		{`reduce .l[] as $x (""; . + $x)`, `["xy"]`},
		{`[foreach .l[] as $x (0; . + 1; [., $x])]`, `[[[1,"x"],[2,"y"]]]`},
		{`[limit(3; repeat(.b))], first(.l[]), [.l[] | select(. > "x")]`, `[[2,2,2],"x",["y"]]`},
		{`getpath(["o", "k"]), setpath(["o", "k"]; 2).o, delpaths([["o"], ["l"], ["a"], ["b"]])`, `[1,{"k":2},{"s":"text"}]`},
		{`label $out | .l[] | if . == "y" then break $out else . end`, `["x"]`},
		{`.o * {m: 2}, .s * 2, (.s / "e")`, `[{"k":1,"m":2},"texttext",["t","xt"]]`},
		{`. as {a: $x, $b, "s": $s, l: [$p], ("o"): {$k}} | [$x, $b, $s, $p, $k]`, `[[7,2,"text","x",1]]`},
		{`.s | test(["T", "i"]), test("T"; "i"), [match("t"; "g").offset]`, `[true,true,[0,3]]`},
		{`.l as [$p, $q] | {$p, $q}`, `[{"p":"x","q":"y"}]`},
		{`[.l[] | ascii_upcase] | reverse | implode? // "no"`, `["no"]`},
		{`INDEX(.l[]; .) | keys, (any(. == {}; .)), IN({x: "x", y: "y"})`, `[["x","y"],false,true]`},
	}
	item := event(t, `{"a":7,"b":2,"s":"text","l":["x","y"],"o":{"k":1}}`)
	for _, test := range tests {
		flow := parse(t, "  - transform: "+quote(test.program)+"\n")
		output, err := flow.Execute(t.Context(), flows.Run{Event: item}, flows.Env{})
		if err != nil {
			t.Errorf("%s: %v", test.program, err)
			continue
		}
		if got := string(flows.EncodeJSON(output)); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.program, got, test.want)
		}
	}
}

// The shortcut for plain paths returns the same as the interpreter.
func TestPathsMeanTheSame(t *testing.T) {
	t.Parallel()
	tests := []struct{ item, program, want string }{
		{`{"a":{"b":1}}`, ".a.b", "1"},
		{`{"a":null}`, ".a.b.c", "null"},
		{`{}`, ".a", "null"},
		{`null`, ".", "null"},
		{`{"a b":{"c":2}}`, `."a b".c`, "2"},
		{`{"a b":{"c":2}}`, `.["a b"]["c"]`, "2"},
		{`7`, ".", "7"},
	}
	for _, test := range tests {
		for _, program := range []string{test.program, "(" + test.program + ")"} {
			out := execute(t, parse(t, "  - transform: "+quote(program)+"\n"), event(t, test.item), flows.Env{})
			want(t, out, "["+test.want+"]")
		}
	}
	for _, program := range []string{".a", "(.a)"} {
		_, err := parse(t, "  - transform: "+program+"\n").Execute(t.Context(), flows.Run{Event: "text"}, flows.Env{})
		wantError(t, err, flows.CodeExpression, `.a`)
	}
}
