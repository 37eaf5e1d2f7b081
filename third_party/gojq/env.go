package gojq

import "context"

type env struct {
	pc        int
	stack     *stack[any]
	paths     *stack[pathValue]
	scopes    *stack[scope]
	values    []any
	codes     []*code
	codeinfos []codeinfo
	forks     []fork
	backtrack bool
	offset    int
	expdepth  int
	label     int
	args      [32]any // len(env.args) > maxarity
	ctx       context.Context
	meter     Meter // nil: nobody measures

	// The stacks, and room for what most evaluations need of them.
	first struct {
		stack  stack[any]
		paths  stack[pathValue]
		scopes stack[scope]
		values [8]block[any]
		frames [2]block[scope]
	}
}

func newEnv(ctx context.Context) *env {
	meter, _ := ctx.(Meter)
	e := &env{ctx: ctx, meter: meter}
	f := &e.first
	f.stack = stack[any]{data: f.values[:0], index: -1, limit: -1}
	f.paths = stack[pathValue]{index: -1, limit: -1}
	f.scopes = stack[scope]{data: f.frames[:0], index: -1, limit: -1}
	e.stack, e.paths, e.scopes = &f.stack, &f.paths, &f.scopes
	return e
}

type scope struct {
	id         int
	offset     int
	pc         int
	saveindex  int
	outerindex int
}

type fork struct {
	pc         int
	stackindex int
	stacklimit int
	scopeindex int
	scopelimit int
	pathindex  int
	pathlimit  int
	offset     int
	expdepth   int
}
