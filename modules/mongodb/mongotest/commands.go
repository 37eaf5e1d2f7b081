package mongotest

import (
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The functions of this file execute commands. s.mu must be held.

func (s *Server) find(command bson.D) bson.D {
	name := command[0].Value.(string)
	s.lastFilter = document(command, "filter")
	var found []bson.D
	for _, d := range sorted(s.collections[name], document(command, "sort")) {
		if matches(d, document(command, "filter")) {
			found = append(found, projected(d, document(command, "projection")))
		}
	}
	if limit := number(member(command, "limit")); limit > 0 && limit < len(found) {
		found = found[:limit]
	}
	return s.open(name, found, number(member(command, "batchSize")))
}

// aggregate executes $match, $sort, $limit and $count.
func (s *Server) aggregate(command bson.D) bson.D {
	name := command[0].Value.(string)
	found := s.collections[name]
	for _, stage := range array(command, "pipeline") {
		operator := stage.(bson.D)[0]
		switch operator.Key {
		case "$match":
			found = slices.DeleteFunc(slices.Clone(found), func(d bson.D) bool { return !matches(d, operator.Value.(bson.D)) })
		case "$sort":
			found = sorted(found, operator.Value.(bson.D))
		case "$limit":
			found = found[:min(len(found), number(operator.Value))]
		case "$count":
			found = []bson.D{{{Key: operator.Value.(string), Value: int32(len(found))}}}
		default:
			return failure(40324, "Unrecognized pipeline stage name: '"+operator.Key+"'")
		}
	}
	return s.open(name, found, number(member(document(command, "cursor"), "batchSize")))
}

// open answers with the first batch of a cursor.
func (s *Server) open(name string, found []bson.D, size int) bson.D {
	id := int64(0)
	batch := found
	if size > 0 && len(found) > size {
		s.lastCursor++
		id, batch = s.lastCursor, found[:size]
		s.cursors[id] = found[size:]
	}
	return done(bson.E{Key: "cursor", Value: bson.D{{Key: "firstBatch", Value: list(batch)}, {Key: "id", Value: id}, {Key: "ns", Value: "db." + name}}})
}

func (s *Server) getMore(command bson.D) bson.D {
	id := command[0].Value.(int64)
	left, ok := s.cursors[id]
	if !ok {
		return failure(43, fmt.Sprintf("cursor id %d not found", id))
	}
	batch := left
	if size := number(member(command, "batchSize")); size > 0 && len(left) > size {
		batch, s.cursors[id] = left[:size], left[size:]
	} else {
		delete(s.cursors, id)
		id = 0
	}
	return done(bson.E{Key: "cursor", Value: bson.D{{Key: "nextBatch", Value: list(batch)}, {Key: "id", Value: id}, {Key: "ns", Value: "db.c"}}})
}

func list(documents []bson.D) bson.A {
	all := bson.A{}
	for _, d := range documents {
		all = append(all, d)
	}
	return all
}

func (s *Server) insert(command bson.D) bson.D {
	name := command[0].Value.(string)
	n, errs := 0, bson.A{}
	for i, v := range array(command, "documents") {
		d := v.(bson.D)
		if s.has(name, d) {
			errs = append(errs, duplicate(i, name, d))
			if member(command, "ordered") != false {
				break
			}
			continue
		}
		s.collections[name] = append(s.collections[name], d)
		n++
	}
	return written(n, errs)
}

func (s *Server) has(name string, d bson.D) bool {
	id := bson.D{{Key: "_id", Value: member(d, "_id")}}
	return slices.ContainsFunc(s.collections[name], func(other bson.D) bool { return matches(other, id) })
}

func duplicate(i int, name string, d bson.D) bson.D {
	return bson.D{
		{Key: "index", Value: int32(i)}, {Key: "code", Value: int32(11000)}, {Key: "keyPattern", Value: bson.D{{Key: "_id", Value: int32(1)}}},
		{Key: "errmsg", Value: fmt.Sprintf("E11000 duplicate key error collection: db.%s index: _id_ dup key: { _id: %v }", name, member(d, "_id"))},
	}
}

func written(n int, errs bson.A, members ...bson.E) bson.D {
	answer := append(bson.D{{Key: "n", Value: int32(n)}}, members...)
	if len(errs) > 0 {
		answer = append(answer, bson.E{Key: "writeErrors", Value: errs})
	}
	return done(answer...)
}

func (s *Server) update(command bson.D) bson.D {
	name := command[0].Value.(string)
	n, modified, upserted := 0, 0, bson.A{}
	for i, v := range array(command, "updates") {
		u := v.(bson.D)
		filter, changes := document(u, "q"), document(u, "u")
		found := 0
		for at, d := range s.collections[name] {
			if !matches(d, filter) || found > 0 && member(u, "multi") != true {
				continue
			}
			found++
			changed := apply(d, changes)
			if compare(changed, d) != 0 {
				modified++
			}
			s.collections[name][at] = changed
		}
		if found == 0 && member(u, "upsert") == true {
			d := apply(equalities(filter), changes)
			if member(d, "_id") == nil {
				d = append(bson.D{{Key: "_id", Value: bson.NewObjectID()}}, d...)
			}
			s.collections[name] = append(s.collections[name], d)
			upserted = append(upserted, bson.D{{Key: "index", Value: int32(i)}, {Key: "_id", Value: member(d, "_id")}})
			found = 1
		}
		n += found
	}
	members := []bson.E{{Key: "nModified", Value: int32(modified)}}
	if len(upserted) > 0 {
		members = append(members, bson.E{Key: "upserted", Value: upserted})
	}
	return written(n, nil, members...)
}

// equalities returns the fields that an upserted document has from its filter.
func equalities(filter bson.D) bson.D {
	made := bson.D{}
	for _, e := range filter {
		if operators, ok := e.Value.(bson.D); !ok || len(operators) == 0 || operators[0].Key[:1] != "$" {
			made = append(made, e)
		}
	}
	return made
}

// apply executes $set, $unset, $inc and $push, or replaces the document.
func apply(d, changes bson.D) bson.D {
	made := slices.Clone(d)
	if len(changes) == 0 || changes[0].Key[:1] != "$" {
		made = bson.D{}
		if id := member(d, "_id"); id != nil && member(changes, "_id") == nil {
			made = append(made, bson.E{Key: "_id", Value: id})
		}
		return append(made, changes...)
	}
	for _, operator := range changes {
		for _, field := range operator.Value.(bson.D) {
			old := member(made, field.Key)
			at := slices.IndexFunc(made, func(e bson.E) bool { return e.Key == field.Key })
			value := field.Value
			switch operator.Key {
			case "$unset":
				if at >= 0 {
					made = slices.Delete(made, at, at+1)
				}
				continue
			case "$inc":
				value = int32(number(old) + number(field.Value))
			case "$push":
				before, _ := old.(bson.A)
				value = append(slices.Clone(before), field.Value)
			}
			if at >= 0 {
				made[at].Value = value
			} else {
				made = append(made, bson.E{Key: field.Key, Value: value})
			}
		}
	}
	return made
}

func (s *Server) remove(command bson.D) bson.D {
	name := command[0].Value.(string)
	n := 0
	for _, v := range array(command, "deletes") {
		filter, limit := document(v.(bson.D), "q"), number(member(v.(bson.D), "limit"))
		removed := 0
		s.collections[name] = slices.DeleteFunc(s.collections[name], func(d bson.D) bool {
			if matches(d, filter) && (limit == 0 || removed < limit) {
				removed++
				return true
			}
			return false
		})
		n += removed
	}
	return written(n, nil)
}
