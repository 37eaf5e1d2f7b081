package mongodb

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// setting are the operators that, repeated, change nothing more.
var setting = []string{"$set", "$unset", "$setOnInsert", "$min", "$max", "$addToSet", "$pull", "$pullAll"}

// update changes fields of documents.
type update struct {
	guard
	filter, changes *flows.Template
	upsert, many    bool
}

func newUpdate(a *flows.Args, g guard) (*update, error) {
	s := &update{g, a.Template("filter"), a.Template("changes"), a.Bool("upsert"), a.Bool("many")}
	if s.filter == nil || s.changes == nil {
		return nil, a.Refuse(problem.DependentKey, "update", "update needs filter and changes")
	}
	return s, nil
}

// Effect implements operation. Without an _id, a repeated update could find another document.
func (s *update) Effect() flows.Effect {
	order := s.changes.Order()
	if order == nil || slices.ContainsFunc(order.Names, func(name string) bool { return !slices.Contains(setting, name) }) {
		return flows.Once
	}
	if s.filter.Order().Has("_id") || s.many && !s.upsert {
		return flows.Idempotent
	}
	return flows.Once
}

func (s *update) run(ctx context.Context, in *flows.Input, c *client, name string) ([]any, error) {
	filter, err := filterOf(ctx, in, s.guard, s.filter)
	if err != nil {
		return nil, err
	}
	changes, err := s.document(ctx, in, "changes", s.changes)
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 {
		return nil, flows.Failed("changes: it has no members such as $set")
	}
	for _, member := range changes {
		if !strings.HasPrefix(member.Key, "$") {
			return nil, flows.Failed("changes: %.50q is no operator such as $set; replace replaces a whole document", member.Key)
		}
	}
	collection, err := c.collection(name)
	if err != nil {
		return nil, err
	}
	if s.many {
		return changed(collection.UpdateMany(ctx, filter, changes, options.UpdateMany().SetUpsert(s.upsert)))
	}
	return changed(collection.UpdateOne(ctx, filter, changes, options.UpdateOne().SetUpsert(s.upsert)))
}

func changed(result *mongo.UpdateResult, err error) ([]any, error) {
	if err != nil {
		return nil, err
	}
	id, err := fromValue(result.UpsertedID)
	if err != nil {
		return nil, err
	}
	return []any{map[string]any{"matched": int(result.MatchedCount), "modified": int(result.ModifiedCount), "upserted_id": id}}, nil
}

// replace replaces a document.
type replace struct {
	guard
	filter, with *flows.Template // with nil: the item
	upsert       bool
}

func newReplace(a *flows.Args, g guard) (*replace, error) {
	s := &replace{g, a.Template("filter"), a.Template("document"), a.Bool("upsert")}
	if s.filter == nil {
		return nil, a.Refuse(problem.DependentKey, "replace", "replace needs a filter")
	}
	return s, nil
}

// Effect implements operation.
func (s *replace) Effect() flows.Effect {
	if s.filter.Order().Has("_id") {
		return flows.Idempotent
	}
	return flows.Once
}

func (s *replace) run(ctx context.Context, in *flows.Input, c *client, name string) ([]any, error) {
	filter, err := filterOf(ctx, in, s.guard, s.filter)
	if err != nil {
		return nil, err
	}
	with, err := s.document(ctx, in, "document", s.with)
	if s.with == nil {
		if err = s.check("document", in.Value()); err == nil {
			with, err = toDocument("document", in.Value(), nil)
		}
	}
	if err != nil {
		return nil, err
	}
	collection, err := c.collection(name)
	if err != nil {
		return nil, err
	}
	return changed(collection.ReplaceOne(ctx, filter, with, options.Replace().SetUpsert(s.upsert)))
}

// remove deletes documents.
type remove struct {
	guard
	filter *flows.Template
	many   bool
}

func newRemove(a *flows.Args, g guard) (*remove, error) {
	s := &remove{g, a.Template("filter"), a.Bool("many")}
	if s.filter == nil {
		return nil, a.Refuse(problem.DependentKey, "delete", "delete needs a filter")
	}
	return s, nil
}

// Effect implements operation. Without an _id, a repeated deletion could find another document.
func (s *remove) Effect() flows.Effect {
	if s.many || s.filter.Order().Has("_id") {
		return flows.Idempotent
	}
	return flows.Once
}

func (s *remove) run(ctx context.Context, in *flows.Input, c *client, name string) ([]any, error) {
	filter, err := filterOf(ctx, in, s.guard, s.filter)
	if err != nil {
		return nil, err
	}
	collection, err := c.collection(name)
	if err != nil {
		return nil, err
	}
	var result *mongo.DeleteResult
	if s.many {
		result, err = collection.DeleteMany(ctx, filter)
	} else {
		result, err = collection.DeleteOne(ctx, filter)
	}
	if err != nil {
		return nil, err
	}
	return []any{map[string]any{"deleted": int(result.DeletedCount)}}, nil
}
