package series

import "math/rand/v2"

// A Slot is one run of a series.
type Slot struct {
	Setting    int // 0-based: which of the brokers or settings.
	Repetition int // 1-based: the block. Runs of one block are pairs.
}

// Order interleaves the repetitions of several settings: block after block, each setting once in each block, in an
// order drawn for each block. Whatever the machine does in the meantime, it then does to all of
// them alike; running all repetitions of one setting before those of the next would charge a warm afternoon to the latter.
// The same seed gives the same order.
func Order(settings, repetitions int, seed uint64) []Slot {
	random := rand.New(rand.NewPCG(seed, orderStream))
	order := make([]Slot, 0, settings*repetitions)
	for block := 1; block <= repetitions; block++ {
		for _, s := range random.Perm(settings) {
			order = append(order, Slot{s, block})
		}
	}
	return order
}

// orderStream keeps the order apart from other things drawn from the same seed.
const orderStream = 0x6f72646572
