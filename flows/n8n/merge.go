package n8n

import (
	"fmt"
	"strings"
)

// lists are the jq of the items at the first two inputs.
func (c *conversion) lists() (a, b string, ok bool) {
	if c.sc.wires == nil || len(c.n.in) < 2 {
		return "", "", false
	}
	return c.list(0), c.list(1), true
}

func (c *conversion) list(input int) string {
	var all []string
	for _, wr := range c.n.inputs(input) {
		if path := c.sc.wires[wr]; path != "" {
			all = append(all, path)
		}
	}
	switch len(all) {
	case 0:
		return "[]"
	case 1:
		return all[0]
	}
	return "(" + strings.Join(all, " + ") + ")"
}

// merged writes a program whose input is the object of the lists.
func (c *conversion) merged(program string) made {
	if c.n.AlwaysOutputData {
		program = "[" + program + "] | if length == 0 then {} else .[] end"
	}
	c.sc.single, c.sc.wires = false, nil
	return made{steps: one(program)}
}

// toMerge writes a merge of version 1 to 3.
func toMerge(c *conversion) made {
	mode := c.p.word("append", "mode")
	a, b, ok := c.lists()
	if !ok {
		if len(c.n.in) > 1 || mode != "append" && mode != "passThrough" && mode != "chooseBranch" {
			c.check(c.n, "it gets items at one input only: they pass")
		}
		return made{steps: []step{pass()}}
	}
	if c.n.Version < 2 {
		return c.oldMerge(mode, a, b)
	}
	switch mode {
	case "append":
		var all []string
		for input := range max(2, c.inputsOf()) {
			all = append(all, c.list(input)+"[]")
		}
		return c.merged(strings.Join(all, ", "))
	case "chooseBranch":
		return c.chooseBranch(a, b)
	case "combine":
		switch how := c.p.word("mergeByFields", "combinationMode"); {
		case c.n.Version >= 3:
			return c.combine(c.p.word("combineByFields", "combineBy"), a, b)
		default:
			return c.combine(map[string]string{"mergeByFields": "combineByFields", "mergeByPosition": "combineByPosition", "multiplex": "combineAll"}[how], a, b)
		}
	}
	return c.todoStep("the node merge: "+mode, "there is no equivalent of the mode "+mode)
}

// inputsOf counts the inputs.
func (c *conversion) inputsOf() int {
	most := 0
	for _, e := range c.n.in {
		most = max(most, e.input+1)
	}
	return min(most, 16)
}

func (c *conversion) chooseBranch(a, b string) made {
	if c.p.text("output") == "empty" || c.p.text("chooseBranchMode") == "empty" {
		return c.merged("{}")
	}
	if c.p.text("output") == "input2" || c.p.text("useDataOfInput") == "2" {
		return c.merged(b + "[]")
	}
	return c.merged(a + "[]")
}

func (c *conversion) oldMerge(mode, a, b string) made {
	key1, key2 := "["+jqPath(c.plainParam(c.p.text("propertyName1")))+"]", "["+jqPath(c.plainParam(c.p.text("propertyName2")))+"]"
	switch mode {
	case "append":
		return c.merged(a + "[], " + b + "[]")
	case "passThrough":
		if c.p.text("output") == "input2" {
			return c.merged(b + "[]")
		}
		return c.merged(a + "[]")
	case "wait":
		return c.merged("{}")
	case "mergeByIndex":
		return c.merged(byPosition(a, b, c.p.word("left", "join"), ". + $other"))
	case "mergeByKey":
		return c.merged(index(a, b, key1, key2) + fmt.Sprintf("$a[] | . as $x | ($by[%s | tojson][0] // {}) as $y | $x + $y", key1))
	case "keepKeyMatches":
		return c.merged(index(a, b, key1, key2) + fmt.Sprintf("$a[] | select($by[%s | tojson])", key1))
	case "removeKeyMatches":
		return c.merged(index(a, b, key1, key2) + fmt.Sprintf("$a[] | select($by[%s | tojson] | not)", key1))
	case "multiplex":
		return c.merged(a + "[] as $x | " + b + "[] as $y | $x + $y")
	}
	return c.todoStep("the node merge: "+mode, "there is no equivalent of the mode "+mode)
}

// byPosition merges items of the same position.
func byPosition(a, b, join, merge string) string {
	size := map[string]string{"inner": "min", "outer": "max", "left": "first"}[join]
	return fmt.Sprintf("%s as $a | %s as $b | range([$a, $b | length] | %s) as $i | ($b[$i] // {}) as $other | $a[$i] // {} | %s", a, b, size, merge)
}

// index binds the lists to $a and $b, and the items of b by their key to $by. What has no key is not in it.
func index(a, b, key1, key2 string) string {
	return fmt.Sprintf("%s as $a | %s as $b | (reduce $b[] as $y ({}; ($y | %s) as $k | if any($k[]; . == null) then . else .[$k | tojson] += [$y] end)) as $by | ", a, b, key2)
}

// clash says how two items become one: jq of $x and $y.
func (c *conversion) clash(preferred string) string {
	how := c.p.word(preferred, "options", "clashHandling", "values", "resolveClash")
	sign := "*"
	if c.p.text("options", "clashHandling", "values", "mergeMode") == "shallowMerge" {
		sign = "+"
	}
	switch how {
	case "addSuffix":
		return `($x | with_entries(.key += "_1")) + ($y | with_entries(.key += "_2"))`
	case "preferInput1":
		return "$y " + sign + " $x"
	}
	return "$x " + sign + " $y"
}

// combine writes the modes that make one item of two.
func (c *conversion) combine(how, a, b string) made {
	if c.p.on("options", "fuzzyCompare") {
		c.todo(c.n, "a comparison that ignores types", "fields are compared exactly")
	}
	switch how {
	case "combineByPosition":
		join := "inner"
		if c.p.on("options", "includeUnpaired") {
			join = "outer"
		}
		return c.merged(byPosition(a, b, join, ". as $x | $other as $y | "+c.clash("preferInput2")))
	case "combineAll":
		if c.p.text("options", "clashHandling", "values", "resolveClash") == "preferInput1" {
			return c.merged(b + "[] as $y | " + a + "[] as $x | " + c.clash(""))
		}
		return c.merged(a + "[] as $x | " + b + "[] as $y | " + c.clash("preferInput2"))
	case "combineByFields":
		return c.byFields(a, b)
	}
	return c.todoStep("the node merge: "+how, "there is no equivalent of the mode "+how)
}

// fields are the keys by which items of both inputs match.
func (c *conversion) fields() (key1, key2 string) {
	var one, two []string
	for _, f := range c.p.list("mergeByFields", "values") {
		one, two = append(one, c.path(c.plainParam(f.text("field1")))), append(two, c.path(c.plainParam(f.text("field2"))))
	}
	if len(one) == 0 {
		for _, f := range c.p.words("fieldsToMatchString") {
			one, two = append(one, c.path(f)), append(two, c.path(f))
		}
	}
	return "[" + strings.Join(one, ", ") + "]", "[" + strings.Join(two, ", ") + "]"
}

func (c *conversion) byFields(a, b string) made {
	key1, key2 := c.fields()
	from := c.p.word("both", "outputDataFrom")
	both := index(a, b, key1, key2)
	lookup2 := fmt.Sprintf("(reduce $a[] as $x ({}; .[$x | %s | tojson] = true)) as $in1 | ", key1)
	match := fmt.Sprintf("$a[] as $x | ($by[$x | %s | tojson] // [])", key1)
	if c.p.text("options", "multipleMatches") == "first" {
		match += "[:1]"
	}
	match += "[] as $y | "
	only1 := fmt.Sprintf("($a[] | select($by[%s | tojson] | not))", key1)
	only2 := fmt.Sprintf("($b[] | select(%s | any(.[]; . == null) or ($in1[tojson] | not)))", key2)
	switch c.p.word("keepMatches", "joinMode") {
	case "keepMatches":
		switch from {
		case "input1":
			return c.merged(both + fmt.Sprintf("$a[] | select($by[%s | tojson])", key1))
		case "input2":
			return c.merged(both + lookup2 + fmt.Sprintf("$b[] | select(%s | all(.[]; . != null) and $in1[tojson])", key2))
		}
		return c.merged(both + match + c.clash("preferInput2"))
	case "keepNonMatches":
		switch from {
		case "input1":
			return c.merged(both + only1)
		case "input2":
			return c.merged(both + lookup2 + only2)
		}
		return c.merged(both + lookup2 + `if $a == [] or $b == [] then $a[], $b[] else ` + only1 + ` + {_source: "input1"}, ` + only2 + ` + {_source: "input2"} end`)
	case "keepEverything":
		return c.merged(both + lookup2 + "(" + match + c.clash("preferInput2") + "), " + only1 + ", " + only2)
	case "enrichInput1":
		return c.merged(both + "(" + match + c.clash("preferInput2") + "), " + only1)
	case "enrichInput2":
		return c.merged(both + lookup2 + "(" + match + c.clash("preferInput1") + "), " + only2)
	}
	return c.todoStep("the node merge: "+c.p.text("joinMode"), "there is no equivalent of this join")
}

// toCompare writes a comparison of two lists of which one output is used.
func toCompare(c *conversion) made {
	ports := map[int]bool{}
	for _, e := range c.n.out {
		ports[e.port] = true
	}
	a, b, ok := c.lists()
	if !ok || len(ports) > 1 {
		return c.todoStep("the node compareDatasets", "a comparison with several outputs that are used")
	}
	if c.p.on("options", "fuzzyCompare") {
		c.todo(c.n, "a comparison that ignores types", "fields are compared exactly")
	}
	key1, key2 := c.fields()
	both := index(a, b, key1, key2)
	in1 := fmt.Sprintf("(reduce $a[] as $x ({}; .[$x | %s | tojson] = true)) as $in1 | ", key1)
	for i := range c.n.out {
		c.n.out[i].port = 0
	}
	for _, kid := range c.n.kids {
		for i := range kid.in {
			if kid.in[i].from == c.n {
				kid.in[i].port = 0
			}
		}
	}
	switch {
	case ports[1]:
		return c.merged(both + fmt.Sprintf("$a[] as $x | ($by[$x | %s | tojson] // [])[] | select(. == $x)", key1))
	case ports[2]:
		return c.todoStep("the node compareDatasets", "the output of items that differ")
	case ports[3]:
		return c.merged(both + in1 + fmt.Sprintf("$b[] | select(%s | any(.[]; . == null) or ($in1[tojson] | not))", key2))
	}
	return c.merged(both + fmt.Sprintf("$a[] | select($by[%s | tojson] | not)", key1))
}
