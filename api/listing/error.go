package listing

import "strconv"

// Error says what is wrong with the parameters of a listing. Its text is for
// the caller.
type Error struct {
	Param    string // the parameter; empty: the query string itself
	Position int    // the character of its value at which it is wrong, from 1; 0: the whole of it
	Message  string
}

func (e *Error) Error() string {
	switch {
	case e.Param == "":
		return e.Message
	case e.Position == 0:
		return e.Param + ": " + e.Message
	}
	return e.Param + ", position " + strconv.Itoa(e.Position) + ": " + e.Message
}
