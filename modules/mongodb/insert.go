package mongodb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// maxInserted is the maximum number of documents of one step.
const maxInserted = 10_000

// insert inserts documents.
type insert struct {
	guard
	document, documents *flows.Template // at most one is not nil; both nil: the item
	keep                bool
}

func newInsert(a *flows.Args, g guard) (*insert, error) {
	s := &insert{guard: g, document: a.Template("document"), documents: a.Template("documents"), keep: a.String("existing") == "keep"}
	if s.document != nil && s.documents != nil {
		return nil, a.Refuse(problem.ExclusiveKeys, "documents", "document and documents exclude each other")
	}
	return s, nil
}

// Effect implements operation: a document that an earlier attempt has inserted is known by its _id.
func (*insert) Effect() flows.Effect { return flows.Idempotent }

func (s *insert) run(ctx context.Context, in *flows.Input, c *client, name string) ([]any, error) {
	documents, made, err := s.all(ctx, in)
	if err != nil {
		return nil, err
	}
	collection, err := c.collection(name)
	if err != nil {
		return nil, err
	}
	values := make([]any, len(documents))
	for i, d := range documents {
		if values[i], err = fromValue(d[0].Value); err != nil {
			return nil, err
		}
	}
	kept := 0
	if len(documents) > 0 {
		_, err = collection.InsertMany(ctx, documents, options.InsertMany().SetOrdered(false))
		if kept, err = s.known(ctx, collection, documents, made, err); err != nil {
			return nil, err
		}
	}
	if s.documents == nil {
		return []any{map[string]any{"id": values[0], "inserted": kept == 0}}, nil
	}
	return []any{map[string]any{"ids": values, "inserted": len(documents) - kept}}, nil
}

// all returns the documents, whose first members are their _id, and whether each _id is one that the run has made.
func (s *insert) all(ctx context.Context, in *flows.Input) (documents []bson.D, made []bool, err error) {
	v, order := in.Value(), (*flows.Order)(nil)
	t := s.document
	if s.documents != nil {
		t = s.documents
	}
	if t == nil {
		err = s.check("document", v)
	} else {
		v, err = s.render(ctx, in, "document", t)
		order = t.Order()
	}
	if err != nil {
		return nil, nil, err
	}
	list := []any{v}
	if s.documents != nil {
		var ok bool
		if list, ok = v.([]any); !ok || len(list) > maxInserted {
			return nil, nil, flows.Failed("documents: expected a list of at most %d documents", maxInserted)
		}
	}
	for i, element := range list {
		if s.documents != nil {
			order = t.Order().Element(i)
		}
		d, err := toDocument("document", element, order)
		if err != nil {
			return nil, nil, err
		}
		at := slices.IndexFunc(d, func(e bson.E) bool { return e.Key == "_id" })
		made = append(made, at < 0)
		id := bson.E{Key: "_id"}
		if at >= 0 {
			id = d[at]
			d = slices.Delete(d, at, at+1)
		} else {
			id.Value = newID(in.RunKey(), i)
		}
		documents = append(documents, append(bson.D{id}, d...)) // the server has it first, too
	}
	return documents, made, nil
}

// newID returns the _id of a document of a run, which is equal in every attempt. Its first bytes are the time at which the run
// was accepted, as in other ObjectIDs, if the id of the run tells it.
func newID(key string, i int) bson.ObjectID {
	sum := sha256.Sum256([]byte(key + "." + strconv.Itoa(i)))
	id := bson.ObjectID(sum[:12])
	origin, _, _ := strings.Cut(key, ".")
	if run, err := uuid.Parse(origin); err == nil && run.Version() == 7 {
		seconds, _ := run.Time().UnixTime()
		binary.BigEndian.PutUint32(id[:4], uint32(seconds))
	}
	return id
}

// known returns how many documents were not inserted because they are there already. Another error is returned.
func (s *insert) known(ctx context.Context, collection *mongo.Collection, documents []bson.D, made []bool, err error) (kept int, _ error) {
	var bulk mongo.BulkWriteException
	if err == nil || !errors.As(err, &bulk) || bulk.WriteConcernError != nil {
		return 0, err
	}
	for _, failure := range bulk.WriteErrors {
		if failure.Code != duplicateKey || failure.Index >= len(documents) {
			return 0, err
		}
		d := documents[failure.Index]
		there, found := collection.FindOne(ctx, d[:1]).Raw()
		if found != nil { // another unique field is there, or the document is gone again
			return 0, err
		}
		wanted, encoded := bson.Marshal(d)
		switch {
		case encoded != nil:
			return 0, err
		case made[failure.Index], bytes.Equal(wanted, there): // inserted by an earlier attempt
		case s.keep:
			kept++
		default:
			return 0, err
		}
	}
	return kept, nil
}
