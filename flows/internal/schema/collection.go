package schema

import (
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

func (a *application) object(object map[string]any) {
	n := a.node
	if n.MinProperties != nil && len(object) < *n.MinProperties {
		a.fail(&kind.MinProperties{Got: len(object), Want: *n.MinProperties})
	}
	if n.MaxProperties != nil && len(object) > *n.MaxProperties {
		a.fail(&kind.MaxProperties{Got: len(object), Want: *n.MaxProperties})
	}
	if missing := a.missing(object, n.Required); missing != nil {
		a.fail(&kind.Required{Missing: missing})
	}
	for name, dependency := range n.Dependencies {
		if names, ok := dependency.([]string); ok && has(object, name) {
			if missing := a.missing(object, names); missing != nil {
				a.fail(&kind.Dependency{Prop: name, Missing: missing})
			}
		}
	}
	a.members(object)
	if n.names != nil && !a.done() {
		a.memberNames(object)
	}
	for name, dependent := range n.dependents {
		if has(object, name) && !a.done() {
			a.applySelf(dependent)
		}
	}
	for name, names := range n.DependentRequired {
		if has(object, name) {
			if missing := a.missing(object, names); missing != nil {
				a.fail(&kind.DependentRequired{Prop: name, Missing: missing})
			}
		}
	}
}

func has(object map[string]any, name string) bool {
	_, ok := object[name]
	return ok
}

// missing returns the required names that the object lacks; nil when it lacks none.
func (a *application) missing(object map[string]any, names []string) []string {
	var missing []string
	a.spend(len(names))
	for _, name := range names {
		if has(object, name) || len(missing) == maxNames {
			continue
		}
		if missing = append(missing, truncate(name)); a.out == nil {
			break
		}
	}
	return missing
}

// members applies the schemas of members. A report requires a fixed order.
func (a *application) members(object map[string]any) {
	n := a.node
	if a.done() {
		return
	}
	if a.out == nil && a.evaluated == nil && len(n.patterns) == 0 && n.additional == nil && !n.closed && len(n.properties) < len(object) {
		for name, child := range n.properties {
			if v, ok := object[name]; ok && a.ok {
				a.member(child, v, name)
			}
		}
		return
	}
	var refused []string
	one := func(name string, v any) bool {
		if !a.known(name, v) {
			switch {
			case n.closed && len(refused) < maxNames:
				refused = append(refused, truncate(name))
			case n.open:
				a.evaluated.member(name)
			case n.additional != nil:
				a.evaluated.member(name)
				a.member(n.additional, v, name)
			}
		}
		return !a.done() && (a.out != nil || len(refused) == 0)
	}
	if a.out == nil {
		for name, v := range object {
			if a.spend(1); !one(name, v) {
				break
			}
		}
	} else {
		a.spend(len(object) * 4)
		for _, name := range sortedNames(object) {
			if !one(name, object[name]) {
				break
			}
		}
	}
	if len(refused) > 0 {
		a.fail(&kind.AdditionalProperties{Properties: refused})
	}
}

// known applies properties and patternProperties to a member and reports whether one of them covers it.
func (a *application) known(name string, v any) bool {
	known := false
	if child, ok := a.node.properties[name]; ok {
		known = true
		a.member(child, v, name)
	}
	for _, p := range a.node.patterns {
		if a.done() {
			break
		}
		if a.match(p.pattern, name) {
			known = true
			a.member(p.node, v, name)
		}
	}
	if known {
		a.evaluated.member(name)
	}
	return known
}

// memberNames reports violations without a path, as the library does.
func (a *application) memberNames(object map[string]any) {
	for _, name := range a.names(object) {
		if a.done() {
			return
		}
		if !a.check(a.node.names, name, a.scope, nil, nil, a.out) {
			a.ok = false
		}
	}
}

func (a *application) names(object map[string]any) []string {
	a.spend(len(object) * 4)
	return sortedNames(object)
}

func (a *application) array(list []any) {
	n := a.node
	if n.MinItems != nil && len(list) < *n.MinItems {
		a.fail(&kind.MinItems{Got: len(list), Want: *n.MinItems})
	}
	if n.MaxItems != nil && len(list) > *n.MaxItems {
		a.fail(&kind.MaxItems{Got: len(list), Want: *n.MaxItems})
	}
	if n.UniqueItems && len(list) > 1 && !a.done() {
		if i, j, twice := a.duplicates(list); twice {
			a.fail(&kind.UniqueItems{Duplicates: [2]int{i, j}})
		}
	}
	a.elements(list)
	if n.contains != nil && !a.done() {
		a.containing(list)
	}
}

func (a *application) elements(list []any) {
	n := a.node
	first := min(len(n.prefix), len(list))
	for i := range first {
		if a.done() {
			return
		}
		a.element(n.prefix[i], list[i], i)
	}
	a.evaluated.first(first)
	if n.rest == nil {
		if n.closedItems && len(list) > first {
			a.fail(&kind.AdditionalItems{Count: len(list) - first})
		}
		return
	}
	for i := first; i < len(list) && !a.done(); i++ {
		a.element(n.rest, list[i], i)
	}
	a.evaluated.first(len(list))
}

func (a *application) containing(list []any) {
	n := a.node
	var matched []int
	count := 0
	for i, v := range list {
		if a.err != nil {
			return
		}
		if !a.valid(n.contains, v, a.scope, nil) {
			continue
		}
		if count++; len(matched) < maxNames {
			matched = append(matched, i)
		}
		if n.DraftVersion >= 2020 {
			a.evaluated.element(i)
		}
	}
	least := 1
	if n.MinContains != nil {
		least = *n.MinContains
	}
	if count < least {
		a.notContaining(list, matched)
	}
	if n.MaxContains != nil && count > *n.MaxContains {
		a.fail(&kind.MaxContains{Got: matched, Want: *n.MaxContains})
	}
}

// notContaining reports why the elements do not match, or that there are none.
func (a *application) notContaining(list []any, matched []int) {
	a.ok = false
	if a.out == nil {
		return
	}
	before := a.out.count
	for i, v := range list {
		if a.out.full() || a.err != nil {
			return
		}
		if !slices.Contains(matched, i) {
			a.check(a.node.contains, v, a.scope, nil, &path{a.at, strconv.Itoa(i)}, a.out)
		}
	}
	if a.out.count > before {
		return
	}
	if a.node.MinContains != nil {
		a.fail(&kind.MinContains{Got: matched, Want: *a.node.MinContains})
	} else {
		a.fail(&kind.Contains{})
	}
}

// unevaluated applies unevaluatedProperties and unevaluatedItems to the parts that no other keyword has evaluated.
func (a *application) unevaluated() {
	n := a.node
	if object, ok := a.value.(map[string]any); ok && n.unevaluatedProps != nil {
		for _, name := range a.names(object) {
			if !a.evaluated.hasMember(name) && !a.done() {
				a.member(n.unevaluatedProps, object[name], name)
			}
		}
		a.evaluated.allMembers()
	}
	if list, ok := a.value.([]any); ok && n.unevaluatedSet != nil {
		for i, v := range list {
			if !a.evaluated.hasElement(i) && !a.done() {
				a.element(n.unevaluatedSet, v, i)
			}
		}
		a.evaluated.first(len(list))
	}
}
