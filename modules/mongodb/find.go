package mongodb

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// Limits of max_documents, and of the documents of a step together in bytes.
const (
	defaultDocuments = 10_000
	maxDocuments     = 100_000
	maxResult        = 100_000_000
	batchSize        = 1000
)

// find puts out documents.
type find struct {
	guard
	one                      bool
	filter, projection, sort *flows.Template // nil: none
	limit                    int             // 0: none
	most                     int
}

func newFind(a *flows.Args, g guard, name string) (*find, error) {
	f := &find{guard: g, one: name == "find_one", filter: a.Template("filter"), projection: a.Template("projection"), sort: a.Template("sort")}
	if a.Has("limit") {
		if f.limit = a.Int("limit"); f.limit < 1 {
			return nil, a.Refuse(problem.OutOfRange, "limit", "limit is at least 1")
		}
	}
	var err error
	f.most, err = mostOf(a)
	return f, err
}

func mostOf(a *flows.Args) (int, error) {
	if !a.Has("max_documents") {
		return defaultDocuments, nil
	}
	most := a.Int("max_documents")
	if most < 1 || most > maxDocuments {
		return 0, a.Refuse(problem.OutOfRange, "max_documents", "max_documents is from 1 to %d", maxDocuments)
	}
	return most, nil
}

// Effect implements operation.
func (*find) Effect() flows.Effect { return flows.Read }

func (f *find) run(ctx context.Context, in *flows.Input, c *client, name string) ([]any, error) {
	filter, err := f.document(ctx, in, "filter", f.filter)
	if err != nil {
		return nil, err
	}
	shown := f.guard
	shown.noPaths = true // since MongoDB 4.4 a text that begins with $ is the value of another field
	projection, err := shown.document(ctx, in, "projection", f.projection)
	if err != nil {
		return nil, err
	}
	sort, err := f.document(ctx, in, "sort", f.sort)
	if err != nil {
		return nil, err
	}
	collection, err := c.collection(name)
	if err != nil {
		return nil, err
	}
	if f.one {
		raw, err := collection.FindOne(ctx, filter, options.FindOne().SetProjection(projection).SetSort(sort)).Raw()
		if errors.Is(err, mongo.ErrNoDocuments) {
			return []any{nil}, nil
		}
		if err != nil {
			return nil, err
		}
		v, err := fromDocument(in.Charger(ctx), raw)
		return []any{v}, err
	}
	o := options.Find().SetProjection(projection).SetSort(sort).SetBatchSize(batchSize).SetLimit(int64(f.most) + 1)
	if f.limit > 0 && f.limit <= f.most {
		o.SetLimit(int64(f.limit))
	}
	cursor, err := collection.Find(ctx, filter, o)
	if err != nil {
		return nil, err
	}
	return readAll(ctx, in, cursor, f.most)
}

// readAll reads all batches of a cursor, and closes it.
func readAll(ctx context.Context, in *flows.Input, cursor *mongo.Cursor, most int) ([]any, error) {
	defer func() { _ = cursor.Close(ctx) }() // the server ends it on its own, too
	items := []any{}
	charger := in.Charger(ctx)
	size := 0
	for cursor.Next(ctx) {
		if size += len(cursor.Current); size > maxResult {
			return nil, flows.Failed("the documents are larger than %s together", flows.SizeText(maxResult))
		}
		if len(items) == most {
			return nil, flows.Failed("there are more than %d documents; a narrower filter, limit, or a larger max_documents, helps", most)
		}
		v, err := fromDocument(charger, cursor.Current)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	return items, cursor.Err()
}

// aggregate puts out the results of a pipeline.
type aggregate struct {
	guard
	pipeline *flows.Template
	most     int
}

func newAggregate(a *flows.Args, g guard) (*aggregate, error) {
	g.noPaths = true
	s := &aggregate{guard: g, pipeline: a.Template("pipeline")}
	if s.pipeline == nil {
		return nil, a.Refuse(problem.DependentKey, "aggregate", "aggregate needs a pipeline")
	}
	var err error
	s.most, err = mostOf(a)
	return s, err
}

// Effect implements operation: stages that write are refused.
func (*aggregate) Effect() flows.Effect { return flows.Read }

func (s *aggregate) run(ctx context.Context, in *flows.Input, c *client, name string) ([]any, error) {
	v, err := s.render(ctx, in, "pipeline", s.pipeline)
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, flows.Failed("pipeline: expected a list of stages")
	}
	stages := make(bson.A, len(list))
	for i, element := range list {
		stage, err := toDocument("pipeline", element, s.pipeline.Order().Element(i))
		if err != nil {
			return nil, err
		}
		for _, member := range stage {
			if member.Key == "$out" || member.Key == "$merge" {
				return nil, flows.Failed("pipeline: %s writes; put the results out, and insert or update them", member.Key)
			}
		}
		stages[i] = stage
	}
	collection, err := c.collection(name)
	if err != nil {
		return nil, err
	}
	cursor, err := collection.Aggregate(ctx, stages, options.Aggregate().SetBatchSize(batchSize))
	if err != nil {
		return nil, err
	}
	return readAll(ctx, in, cursor, s.most)
}
