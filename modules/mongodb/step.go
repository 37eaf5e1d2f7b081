package mongodb

import (
	"context"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/penstock/penstock/flows"
)

const doc = "Documents are JSON, with what JSON has not as in MongoDB's Extended JSON: `{$oid: …}`, `{$date: \"2026-01-31T10:00:00Z\"}`, `{$numberDecimal: \"1.50\"}`, `{$binary: {base64: …, subType: \"00\"}}`, `{$uuid: …}`, " +
	"`{$timestamp: {t: 1, i: 1}}`. Whole numbers are stored as 32-bit or 64-bit integers, others as doubles.\n\n" +
	"**Values of `${ }` are data.** A value with an operator in it, such as `{$ne: null}`, is refused; so is a text that begins with `$` in a pipeline, a projection and `$expr`, where it would name a field (`{$literal: \"${ .v }\"}` is a text), any value in the program of `$where`, `$function` and `$accumulator`, " +
	"and null in the filter of a change. In `$regex` a value is the text that is looked for, not a pattern. `computed_operators: true` allows all that for filters and patterns that a flow builds itself.\n\n" +
	"`find` puts out an item for each document, of all batches; `find_one` puts out the first document, or null. `aggregate` puts out the results of a pipeline that does not write (`$out`, `$merge`).\n\n" +
	"`insert` puts out `{id, inserted}`, or `{ids, inserted}` with `documents`. A document without `_id` gets one that is equal in every attempt of the run, so that a repeated insert inserts nothing twice; a document whose `_id` is there with " +
	"the same content was inserted before. `update` and `replace` put out `{matched, modified, upserted_id}`, `delete` puts out `{deleted}`. They change one document without `many`. A filter without members is refused.\n\n" +
	"Effects: `find`, `find_one` and `aggregate` read; `insert` may be repeated. `update`, `replace` and `delete` may be repeated if the filter in the flow names `_id`, or with `many`, and `update` only " +
	"with `$set`, `$unset`, `$setOnInsert`, `$min`, `$max`, `$addToSet`, `$pull` and `$pullAll`, and with `upsert` only for an `_id`; otherwise they happen once."

func kind() flows.Kind {
	o := operations()
	return flows.Kind{
		Name:    "mongodb",
		Summary: "Finds and changes documents of MongoDB.",
		Doc:     doc,
		Params:  append([]flows.Param{{Name: "connection", Type: flows.TypeString, Names: flows.ResourceConnection, Required: true, Summary: "Name of a mongodb connection."}}, o.Params()...),
		Example: "mongodb: {connection: shop, update: orders, filter: {_id: {$oid: \"${ .id }\"}}, changes: {$set: {status: paid}}}",
		Effect:  flows.Once,
		New: func(a *flows.Args) (flows.Runner, error) {
			name, err := o.Chosen(a)
			if err != nil {
				return nil, err
			}
			s := &step{connection: a.String("connection"), collection: a.Template(name)}
			g := guard{operators: a.Bool("computed_operators")}
			switch name {
			case "find", "find_one":
				s.do, err = newFind(a, g, name)
			case "aggregate":
				s.do, err = newAggregate(a, g)
			case "insert":
				s.do, err = newInsert(a, g)
			case "update":
				s.do, err = newUpdate(a, g)
			case "replace":
				s.do, err = newReplace(a, g)
			case "delete":
				s.do, err = newRemove(a, g)
			}
			return s, err
		},
	}
}

func operations() flows.Operations {
	find, change := []string{"find", "find_one"}, []string{"update", "replace"}
	return flows.Operations{
		Names: []flows.Param{
			{Name: "find", Summary: "Collection whose documents to find."},
			{Name: "find_one", Summary: "Collection of which to find one document."},
			{Name: "aggregate", Summary: "Collection that a pipeline reads."},
			{Name: "insert", Summary: "Collection to insert into."},
			{Name: "update", Summary: "Collection in which to change fields of documents."},
			{Name: "replace", Summary: "Collection in which to replace a document."},
			{Name: "delete", Summary: "Collection of which to delete documents."},
		},
		Options: []flows.Option{
			{Param: flows.Param{Name: "filter", Type: flows.TypeTemplate, Summary: "Which documents: `{status: open, total: {$gt: 5}}`; for `find` all by default."}, Of: append(find, "update", "replace", "delete")},
			{Param: flows.Param{Name: "projection", Type: flows.TypeTemplate, Summary: "Which fields: `{name: 1, _id: 0}`."}, Of: find},
			{Param: flows.Param{Name: "sort", Type: flows.TypeTemplate, Summary: "Fields of the order, in the order of the flow: `{date: -1, name: 1}`."}, Of: find},
			{Param: flows.Param{Name: "limit", Type: flows.TypeInt, Summary: "Most documents to find; further ones are left out."}, Of: []string{"find"}},
			{Param: flows.Param{Name: "max_documents", Type: flows.TypeInt, Default: "10000", Summary: "Most documents that are put out; more are a failure. At most 100,000."}, Of: []string{"find", "aggregate"}},
			{Param: flows.Param{Name: "pipeline", Type: flows.TypeTemplate, Summary: "Stages of the pipeline, a list."}, Of: []string{"aggregate"}},
			{Param: flows.Param{Name: "document", Type: flows.TypeTemplate, Default: "the item", Summary: "The document."}, Of: []string{"insert", "replace"}},
			{Param: flows.Param{Name: "documents", Type: flows.TypeTemplate, Summary: "Documents to insert, a list of at most 10,000."}, Of: []string{"insert"}},
			{Param: flows.Param{Name: "existing", Type: flows.TypeEnum, Enum: []string{"fail", "keep"}, Default: "fail", Summary: "What happens when another document has the `_id`: the step fails, or keeps that document."}, Of: []string{"insert"}},
			{Param: flows.Param{Name: "changes", Type: flows.TypeTemplate, Summary: "Operators with fields: `{$set: {status: paid}, $inc: {n: 1}}`."}, Of: []string{"update"}},
			{Param: flows.Param{Name: "upsert", Type: flows.TypeBool, Default: "false", Summary: "Inserts a document when none is found."}, Of: change},
			{Param: flows.Param{Name: "many", Type: flows.TypeBool, Default: "false", Summary: "Changes all documents that are found, in place of one."}, Of: []string{"update", "delete"}},
			{Param: flows.Param{Name: "computed_operators", Type: flows.TypeBool, Default: "false", Summary: "Whether values of `${ }` may be operators, names of fields, patterns and programs."}},
		},
	}
}

// step is one step of a flow.
type step struct {
	connection string
	collection *flows.Template
	do         operation
}

// operation is one thing that a step does with a collection.
type operation interface {
	Effect() flows.Effect
	run(ctx context.Context, in *flows.Input, c *client, collection string) ([]any, error)
}

// Effect implements flows.Effecter.
func (s *step) Effect() flows.Effect { return s.do.Effect() }

// Run implements flows.Runner.
func (s *step) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	name, err := s.collection.Text(ctx, in)
	switch {
	case err != nil:
		return nil, err
	case name == "" || len(name) > 200 || strings.ContainsAny(name, "$\x00") || strings.HasPrefix(name, "system."):
		return nil, flows.Failed("%.100q is no name of a collection", name)
	}
	c, release, err := flows.ClientOf[*client](ctx, in.Env(), s.connection)
	if err != nil {
		return nil, err
	}
	defer release()
	items, err := s.do.run(ctx, in, c, name)
	return items, c.failure(ctx, err)
}

// filterOf returns the filter of a change, which has members.
func filterOf(ctx context.Context, in *flows.Input, g guard, t *flows.Template) (bson.D, error) {
	g.noNull = true
	filter, err := g.document(ctx, in, "filter", t)
	if err == nil && len(filter) == 0 {
		err = flows.Failed("filter: it has no members, and would be met by every document")
	}
	return filter, err
}
