// Package topic answers which subscribers a Topic Name reaches and which retained
// messages a Topic Filter reaches.
//
// It knows no packet, no session and no socket. Topic Names and Topic Filters that
// come in have been validated.
package topic

import "iter"

// A Subscriber is the small number that stands for a session. The server gives numbers
// densely from 1 and may give one again after its last subscription was removed.
type Subscriber uint32

// A Subscription is what one subscriber asked for with one Topic Filter.
type Subscription struct {
	Subscriber        Subscriber
	QoS               uint8
	NoLocal           bool
	RetainAsPublished bool
	ID                uint32 // Subscription Identifier; 0: none.
}

// Tree is the lock-sharded subscription trie. Writers lock a shard; readers lock nothing.
type Tree struct{}

func NewTree() *Tree { panic("todo") }

// Subscribe adds or replaces s under filter ("$share/NAME/FILTER" included) and reports
// whether that subscriber had this very filter before. When it returns, every Match that begins sees s.
func (t *Tree) Subscribe(filter string, s Subscription) (existed bool) { panic("todo") }

// Unsubscribe removes it and reports whether it was there.
func (t *Tree) Unsubscribe(filter string, who Subscriber) (existed bool) { panic("todo") }

// Len is the number of subscriptions.
func (t *Tree) Len() int { panic("todo") }

// A Target is one subscriber that a message goes to: once, however many of its filters
// match, with the highest QoS of them and all their Subscription Identifiers.
type Target struct {
	Subscriber        Subscriber
	QoS               uint8
	NoLocal           bool   // All of its matching subscriptions have No Local.
	RetainAsPublished bool   // Any has it.
	ids               uint32 // Where its identifiers lie in Result.
	nids              uint16
}

// A Group is a shared subscription: one Share Name with one Topic Filter, [v5 4.8.2].
// Members is a snapshot that never changes; the server picks one member.
type Group struct {
	Members []Subscription
	// Turn is a counter for round robin, shared by all readers.
	Turn interface{ Add(uint32) uint32 }
}

// A Result is what Match found. It is reused from call to call and owned by one goroutine.
type Result struct {
	Targets []Target
	Groups  []*Group
}

// IDs lends the Subscription Identifiers of t.
func (r *Result) IDs(t *Target) []uint32 { panic("todo") }

// Match fills r with all that name (a Topic Name; lent) reaches. Without allocation once r has grown.
func (t *Tree) Match(r *Result, name []byte) { panic("todo") }

// Current reports whether nothing that r was made from has changed since.
func (t *Tree) Current(r *Result) bool { panic("todo") }

// Retained keeps one value for each Topic Name. It is safe for concurrent use.
type Retained[T any] struct{}

func NewRetained[T any]() *Retained[T] { panic("todo") }

// Set keeps v under name and returns what stood there before.
func (s *Retained[T]) Set(name string, v T) (old T, existed bool) { panic("todo") }
func (s *Retained[T]) Delete(name string) (old T, existed bool)   { panic("todo") }
func (s *Retained[T]) Get(name string) (v T, ok bool)             { panic("todo") }
func (s *Retained[T]) Len() int                                   { panic("todo") }

// Match yields all whose name matches filter.
func (s *Retained[T]) Match(filter string) iter.Seq2[string, T] { panic("todo") }

// Matches reports whether filter (no $share) matches name: the definition, in ten lines, that the tests compare with.
func Matches(filter, name string) bool { panic("todo") }
