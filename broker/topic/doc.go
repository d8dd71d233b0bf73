// Package topic answers which subscribers a Topic Name reaches and which retained
// messages a Topic Filter reaches.
//
// It knows no packet, no session and no socket. Topic Names and Topic Filters that
// come in have been validated.
//
// # The Tree
//
// A Topic Filter without a wildcard is found by one hash of the whole Topic Name. Only
// filters with wildcards are walked, and they lie in two places:
//
//	exact   256 shards by the hash of the name            site/7/dev/12/temp
//	prefix   64 shards by the hash of the levels before   site/7/dev/+/temp   site/7/#
//	         the first wildcard: two, or three if there are more
//	head      1 shard, wildcard in the first two levels   site/+/dev/#   +/x   #
//
// So a Match looks at one exact shard, two prefix shards and the head. More than the
// first level, because real trees begin with one "company/" for everybody, or with
// "company/prod/", and all would lie in one shard.
//
// Each shard is an open-addressed table over an arena of words that holds no pointer:
// the garbage collector has nothing to scan in a million subscriptions. Writers lock the
// shard. Readers load pointers and words atomically and lock nothing; records are never
// moved or reused in place. When an arena is full or half dead, the live part is copied
// to a new one, and the collector frees the old one after its last reader left it.
//
// Keys are compared byte by byte behind the hash: no collision, however it came about,
// can hand a message to somebody who did not ask for it.
package topic
