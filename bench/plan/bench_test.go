package plan

import (
	"fmt"
	"testing"
	"time"
)

func BenchmarkSchedule(b *testing.B) {
	for _, arrivals := range []Arrivals{Constant, Poisson} {
		for _, publishers := range []int{1, 1000, 50_000} {
			b.Run(fmt.Sprintf("%s/%d", arrivals, publishers), func(b *testing.B) {
				p := paced(arrivals, publishers, 1e6)
				p.Duration = Duration(time.Hour)
				pubs := make([]int, publishers)
				for i := range pubs {
					pubs[i] = i
				}
				s := NewSchedule(p, pubs)
				b.ReportAllocs()
				for b.Loop() {
					s.Peek(3600e9)
					s.Pop()
				}
			})
		}
	}
}

func BenchmarkDues(b *testing.B) {
	for _, arrivals := range []Arrivals{Constant, Poisson} {
		b.Run(string(arrivals), func(b *testing.B) {
			d, n := NewDues(paced(arrivals, 1, 1000)), uint32(0)
			b.ReportAllocs()
			for b.Loop() {
				n++
				d.At(0, n)
			}
		})
	}
}

func BenchmarkDuePoisson(b *testing.B) {
	p := paced(Poisson, 1, 1000)
	for b.Loop() {
		p.Due(0, 12345)
	}
}

func BenchmarkFill(b *testing.B) {
	for _, size := range []int{16, 128, 1024} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			payload, s := make([]byte, size), Stamp{Run: 1, Stream: 2}
			b.ReportAllocs()
			for b.Loop() {
				s.Seq++
				Fill(payload, s)
			}
		})
	}
}

func BenchmarkReadAndCheck(b *testing.B) {
	payload := make([]byte, 128)
	Fill(payload, Stamp{Run: 1, Stream: 2, Seq: 3})
	b.ReportAllocs()
	for b.Loop() {
		s, _ := ReadStamp(payload)
		if !Intact(payload, s, Ends) {
			b.Fatal("not intact")
		}
	}
}
