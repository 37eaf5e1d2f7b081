package llm

import (
	"math"
	"sync"

	"github.com/penstock/penstock/flows"
)

// limits bound what a step may use in a run.
type limits struct {
	tokens int
	cost   float64
	priced bool // there is a limit of the cost
}

// use is what some turns used.
type use struct{ input, output int }

func (u *use) add(other use) { u.input, u.output = u.input+other.input, u.output+other.output }

func (u *use) remove(other use) { u.input, u.output = u.input-other.input, u.output-other.output }

// cost returns the price of the use; false: it is unknown.
func (u use) cost(api *flows.ModelAPI) (float64, bool) {
	if api.InputPrice == nil || api.OutputPrice == nil {
		return 0, false
	}
	cost := (float64(u.input)**api.InputPrice + float64(u.output)**api.OutputPrice) / 1e6
	return math.Round(cost*1e9) / 1e9, true
}

// value returns the use as a member of the result; read by useOf.
func (u use) value(api *flows.ModelAPI) map[string]any {
	v := map[string]any{"input_tokens": u.input, "output_tokens": u.output, "cost": nil}
	if cost, known := u.cost(api); known {
		v["cost"] = cost
	}
	return v
}

func useOf(v any) use {
	return use{whole(member(v, "input_tokens")), whole(member(v, "output_tokens"))}
}

// spending is what a step has used in a run, for all of its items. What a request under way may use counts until its answer says what it
// did use, and stays when no answer came.
type spending struct {
	mu    sync.Mutex
	total use // guarded by mu
}

func (s *spending) add(u use) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total.add(u)
}

// reserve counts what a request may use. It fails when that exceeds a limit; then it counts nothing.
func (s *spending) reserve(u use, l limits, api *flows.ModelAPI) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	after := s.total
	after.add(u)
	if after.input+after.output > l.tokens {
		return failed(codeBudget, "the step has used %d tokens in this run, and a further question may exceed max_run_tokens, which is %d", s.total.input+s.total.output, l.tokens)
	}
	if l.priced {
		cost, known := after.cost(api)
		if !known {
			return failed(codeBudget, "max_cost: the connection has no prices; set its input_price and output_price")
		}
		if cost > l.cost {
			spent, _ := s.total.cost(api)
			return failed(codeBudget, "the step has used %g in this run, and a further question may exceed max_cost, which is %g", spent, l.cost)
		}
	}
	s.total = after
	return nil
}

// settle replaces what a request may have used by what it did use.
func (s *spending) settle(reserved, used use) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total.remove(reserved)
	s.total.add(used)
}

// bytesPerToken is a rough size of a token, to estimate what a request will use: English text has four bytes in one, JSON and other
// languages fewer.
const bytesPerToken = 3

// estimate is what a request with a body of that size may use at most, roughly.
func (s *step) estimate(body int) use { return use{input: body/bytesPerToken + 1, output: s.maxTokens} }
