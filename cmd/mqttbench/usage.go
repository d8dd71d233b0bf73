package main

const usage = `mqttbench - measure MQTT brokers

SYNOPSIS
  mqttbench [run] [FLAGS]            measure; without --broker, the built-in broker
  mqttbench compare DIR DIR...       set results side by side, with charts; or brokers: --broker NAME=URL ...
  mqttbench sweep [FLAGS]            latency, loss and cost against load: the curve and its knee
  mqttbench search [FLAGS]           the highest rate that a broker carries, as a confirmed bracket
  mqttbench run PROFILE [FLAGS]      a workload that is kept as a file; flags have the last word
  mqttbench profiles [NAME]          list those that come with mqttbench, or print one
  mqttbench report DIR...            print results again, and make their pages and charts anew
  mqttbench growth --by SETTING DIR... what a message costs as clients, fan-out, payload or queues grow
  mqttbench table DIR...             brokers side by side over several workloads, in Markdown

  mqttbench calibrate                what generator and kernel can do by themselves here, for later runs to be held against
  mqttbench relay                    a relay in a broker's place: what nobody can do without
  mqttbench selftest [--quick]       does the instrument find exactly what is injected? In half a minute
  mqttbench scenarios [BROKER]       connections cut at the worst moments: does a broker keep its promises?
  mqttbench completion bash|zsh|fish completion for a shell; mqttbench man: the manual page

  mqttbench --qos 2 --clients 5000
  mqttbench --broker tcp://127.0.0.1:1883 --qos 1 --rate 10000 --duration 60s
  mqttbench --qos 2 --churn 50 --clean-session=false --duration 30s

A run connects its clients, checks with one message per topic that everything reaches everybody, warms up, measures,
waits until nothing is under way, checks every message against the promise of its QoS, and leaves a folder with the
result file, the histograms, charts and report.html. Messages fall due by a schedule that does not wait for the broker (open loop);
response time counts from the instant a message was due, service time from the instant it was sent.

CLIENTS AND MESSAGES
  -q, --qos 0|1|2            Quality of Service of publishing and subscribing (default 0); 0,1,2 runs each
      --pub-qos, --sub-qos   the same for one side; a delivery has the lower of the two
  -c, --clients N            clients in all, half of them publish (default 1000)
      --publishers N         publishers; with --subscribers instead of --clients
      --subscribers N        subscribers
      --pattern P            who receives what (default pairs):
                             pairs    publisher i to subscriber i
                             fan-in   every subscriber receives everything, by a wildcard
                             fan-out  every subscriber subscribes to every topic
      --share NAME           with fan-in: subscribers share one subscription $share/NAME/...
  -r, --rate N               messages a second, all publishers together
                             (default 2 for each publisher, at most 10,000 deliveries)
      --profile P            NAME, NAME/VARIANT or FILE.yaml: as with mqttbench run PROFILE; see mqttbench profiles
      --closed               no schedule: publish as soon as --window allows. For ceilings, not for latencies
      --idle                 publish nothing: all clients connect, and stay for --duration
      --arrivals A           constant (with a random phase for each publisher), poisson or burst (default constant)
      --stages S,...         how the rate goes, as 10s@100,20s@100..1000,5s@1000: in place of --rate and --duration
      --limit N              messages in all, behind the warm-up, in place of --duration
      --payload N            bytes of a message, at least 16: a stamp of 16 goes first (default 64)
      --payload-max N        each message has a size of its own, evenly from --payload to this
  -m, --message TEMPLATE     what follows the stamp, as {"device":"%c","n":%s}, with the verbs of --topic; checked when it arrives
      --message-file FILE    what follows the stamp, again and again or cut as --payload says (default: a pattern that is checked)
  -t, --topic TEMPLATE       %i publisher, %r run, %d publisher modulo 100, %c Client Identifier, %u user name, %s sequence number
                             of the message, %rand_N a number from 1 to N (default mqttbench/%r/%i)
      --wild                 subscribers have a + where a topic has a level with %d
      --decoys N             further filters of every subscriber, with wildcards, that match nothing
      --retain               publish retained messages
  -w, --window N             QoS 1 and 2 messages in flight for each publisher (default 20)
  -d, --duration D           of the measured part (default 20s)
      --soak D               a long run in place of --duration: does the memory of broker or generator grow (slope an hour, with its
                             interval), do rate and response time drift? At most 3600 intervals, so that files stay small
      --warmup D             before it, not measured (default 5s)
      --warmup-cut auto|off  auto: if MSER-5 finds that the measured part began with warm-up still, that is in no figure, and said; off: it
                             stays, and the run is DRIFTING (default auto)
      --drain D              longest wait for what is under way at the end (default 30s)

GROUPS
      --group name=G,count=N,clean-session=true|false
                             clients that are alike; repeated for more. What they do, the flows say
      --flow from=G,to=G,rate=N,...
                             messages from one group to another, or to itself: a client may publish and subscribe. Besides:
                             pattern= share= topic= qos= pub-qos= sub-qos= retain= payload= payload-max= arrivals=

  mqttbench --mqtt 5 --group name=devices,count=1000,clean-session=false --group name=backend,count=4 \
    --flow from=devices,to=backend,pattern=fan-in,share=work,qos=1,rate=2000 --flow from=backend,to=devices,qos=2,rate=50,topic=cmd/%i

SESSIONS AND CHURN
      --clean-session=false  persistent sessions: the broker keeps subscriptions and QoS 1 and 2 messages
                             while a client is away (default true: clean)
      --pub-clean-session, --sub-clean-session
                             the same for one side
      --session-expiry D     MQTT 5: how long persistent sessions outlive their connections (default: longer than the run)
      --offline-for D        all subscribers leave together, for so long, and the broker queues for persistent sessions at QoS 1
                             and 2. How fast they get it then is the line "offline queue"
      --offline-at D         when, since the beginning of the measured part (default 0s)
      --offline at=D,for=D,abrupt=true,who=W
                             the same in one, repeated for more than one such time: each has its own figures
      --offline-abrupt       they are cut off by a TCP reset, and do not say DISCONNECT
      --offline-who W        publishers, subscribers or both (default subscribers)
      --churn N              connections ended a second; they come back (default 0)
      --churn-who W          publishers, subscribers or both (default both)
      --churn-takeover SHARE of them by another connection with the same Client Identifier, which the broker must let in and end the
                             first one for; it leaves at once (default 0)
      --churn-abrupt SHARE   of the others by a TCP reset, the rest by DISCONNECT (default 0.5)
      --churn-down D         how long they stay away (default 1s)
      --flap N               subscribers that unsubscribe a second, all together, stay connected and subscribe again. What is published
                             in between is not owed to them, and must not come once UNSUBACK has (default 0)
      --flap-for D           until they subscribe again (default 1s)

WILLS AND RETAINED MESSAGES
      --will-watchers N      every client has a will, and N more clients watch for all of them: one that was cut off must have
                             its will published once, one that said DISCONNECT must not
      --will-qos Q           of wills and watchers (default 1)
      --will-retain          retained wills
      --will-delay D         MQTT 5: Will Delay Interval
      --will-utf8, --will-expiry D, --will-content-type T, --will-response-topic T, --will-correlation T, --will-user-property N=V
                             MQTT 5: the other properties of the wills, the last repeated for more. A watcher must receive them as they are
      --readers-count N      with --retain: N more clients come again and again, subscribe to everything, wait for the retained
                             message of every topic, and go. None may be missing, or older than what was acknowledged
      --readers-every D      from one coming of a reader to its next (default 1s)
      --readers-qos Q        of their subscriptions (default 0)

MQTT 5 (all need --mqtt 5)
      --topic-alias          publish with Topic Aliases, as far as the broker allows
      --topic-alias-maximum N, --receive-maximum N, --maximum-packet-size N
                             what every client allows the broker
      --user-property N=V    of every PUBLISH; repeated for more. --connect-user-property N=V: of every CONNECT;
                             --subscribe-user-property N=V: of every SUBSCRIBE
      --request-response-info, --request-problem-info=false
                             likewise
      --message-expiry D, --message-content-type T, --message-response-topic T, --message-correlation T, --message-utf8
                             the other properties of every PUBLISH
      --no-local, --retain-handling 0|1|2, --subscription-id N
                             options of every subscription

FAULTS
      --fault FAULT          what goes wrong in the measured part, as WHAT:DETAIL:DETAIL..., repeated for more. Each is an event of
                             the result, and marked on the charts over time
                             wires    reset  finish (FIN)  cut[=BYTES]  blackhole  pause=D  delay=D[+-D]  throttle=BYTES/S
                                      slice[=BYTES]  takeover[=TIMES]  silence (until the broker notices,
                                      which it must after 1.5 x --keep-alive, or D more, 10s): MQTT's promises must survive them
                             lies     drop  forge (acknowledged by nobody)  duplicate  resend  reorder  corrupt  reuse (of a
                                      Packet Identifier): of a PUBLISH. They
                                      make the broker look bad, and are there to be found
                             process  stop  kill  terminate, with at=D and for=D: of the built-in broker or --broker-cmd
                             which    PUBLISH, PUBREC, ...  from=WHO or to=WHO or of=WHO: publisher, subscriber, or a pattern of
                                      Client Identifiers
                             when     one of nth=N  every=N  prob=P  at=D  mttf=D (again and again); of each client by itself. A
                                      delay, throttle or slice is there all the time, or from at=D on, for=D
                             more     limit=N (in all)  for=D (how long)  mttr=D  side=client|broker (who sees a reset)
                                      after (the packet still passes)  per-connection
                             All but those of the process go through a proxy, whose CPU time counts as the generator's

  mqttbench --qos 2 --clean-session=false --fault reset:PUBREC:after:every=100 --fault stop:at=5s:for=1s

BROKER
  -b, --broker URL           tcp, tls, ws or wss://host:port, with a path behind it for WebSockets, or unix:///path
                             (default: the built-in broker, in a process of its own)
      --broker URL,URL,...   the nodes of a cluster, which clients take in turns; cost figures then need --broker-pid
      --broker NAME=URL      repeated: brokers to be run beside each other; builtin is the built-in broker
      --broker-cmd NAME=CMD  likewise, started afresh for each run: {port} is a free port of 127.0.0.1 and {dir} an empty
                             folder. What it says is in broker.log of the run. See SERIES
      --broker-name NAME     how to call it in reports
      --broker-pid PID       its process, for CPU and memory (default: found by its port if it is on this machine)
      --broker-loops N       event loops of the built-in broker
      --durable              the built-in broker keeps sessions and messages on disk (fsync) for as long as the run lasts: they survive
                             --fault kill
      --mqtt 3.1|3.1.1|5     protocol version (default 3.1.1)
      --transport T          how to reach the built-in broker: tcp, tls, ws, wss or unix (default tcp). For TLS it makes
                             a certificate, which the clients check
      --cafile FILE          trust servers by the authorities in this PEM file (default: the system's)
      --certfile FILE        show the server this certificate, with the key in --keyfile FILE; %i in both is the number of
                             the client, subscribers first, from 0
      --insecure             believe the server whatever it shows; the result says so
      --server-name NAME     the name to ask for (SNI) and to find in the server's certificate (default: the host of the URL)
      --alpn NAME,...        the protocols that the TLS handshake offers, first choice first
      --ws-header 'N: V'     a further line of the request that begins a WebSocket; repeated for more. No result has its value
  -u, --username NAME        user name; %i is the number of the client in its group (or among publishers, or subscribers), %g the
                             group (or p, s), %rand_N a number from 1 to N
  -P, --password WORD        password, likewise
      --credentials FILE     a CSV file: username,password or username,password,client id, a line for each client
      --auth-method M        SCRAM-SHA-256, with MQTT 5: clients prove that they know the password without sending it, and believe only a
                             server that proves that it knows them
      --client-id TEMPLATE   Client Identifiers, with %i, %g, %r and %rand_N (default mb%r%g%i)
      --prefix TEXT          before the default ones in place of mb
      --short-ids            without the run's name
      --keep-alive D         in whole seconds; 0: off (default 1m)

GENERATOR
      --client native|paho   the built-in engine, or the paho library: slower, and an independent witness (default native)
      --loops N              event loops of the generator (default: half of the cores)
      --precision P          precise: messages leave within some 60 us of their time; tick: within 1 ms, for less CPU;
                             spin: the generator never sleeps, so that the broker need not wake it: for --closed
      --cpus LIST            CPUs of the generator, as 1 or 0,2-3 (Linux; default: all)
      --broker-cpus LIST     CPUs of the broker's process
      --connecting N         connections being opened at a time (default 256)
      --connect-rate N       connections begun a second (default: as fast as --connecting allows)
      --local-addr A,...     (also --ifaddr) addresses to dial from, in turns: one carries some 28,000 connections. To a broker on the
                             loopback they are chosen as needed
      --connect-timeout D    for connecting and subscribing everybody (default 1m)
      --driver D             auto, epoll or goroutine, on both sides (default auto)
      --seed N               of everything random; the same seed gives the same schedule (default: random, printed)

SERIES
      --repeat N             runs of each broker and QoS, interleaved in an order drawn for each block (default 1). From 6 on
                             the median has a 95 % interval, and a difference of pairs can be shown
      --pause D              between runs (default 1s)
      --fail-on C            of several brokers or QoS: end with 1 if one is worse than the first, beyond doubt: p99>+10%,rate<-5%
      --format F             of a comparison: table, json, csv or bench, which benchstat reads (default table). Of a single run: --json

  Each run has a folder of its own, such as OUT/03-mosquitto-r2; the comparison has all of them, and OUT has its charts.

  mqttbench --repeat 6 --broker builtin --broker-cmd 'mosquitto=mosquitto -c bench.conf -p {port}' --qos 1 --rate 10000

  with, in bench.conf, what mosquitto would otherwise drop or refuse:
    allow_anonymous true
    max_queued_messages 0
    max_inflight_messages 0
    set_tcp_nodelay true

OUTPUT
      --slo SLO              hold the run against it, as p99<10ms,loss=0: exit code 1 if it is not met
  -o, --out DIR              folder of the result (default results/TIME-QOS-CLIENTS)
      --charts=false         draw none, and write no report.html: one page with everything, for a browser
      --quiet                no progress; only the summary
      --live auto|off        auto: on a terminal, progress is a few lines that are drawn anew each second: phase, rates, p99,
                             backlog, faults. off: a plain line each, as everywhere else (default auto)
      --tolerate-noise       exit code 0, and not 4, for a run that is NOISY or not steady and whose promises were kept
      --json                 the summary as JSON on standard output; progress on standard error
      --metrics-listen ADDR  serve the figures of each second to Prometheus, at http://ADDR/metrics; port 0 is a free one, printed
      --pprof DIR            CPU, heap, mutex and block profiles of broker and generator over the measured part
      --pprof-addr ADDR      serve live profiles of the generator; those of the built-in broker on the next port
  -h, --help                 this text
      --version              the version

EXIT CODES
  0  measured, and every promise kept      3  measured, but the generator was at its limit: the
  1  a promise was broken, an SLO missed,     output says which gate failed and what to change
     or the run failed half-way            4  kept, but the machine was busy with something else, or
  2  bad input, or the broker cannot be       the run was not steady; --tolerate-noise makes it 0
     reached, is none, or refuses        130  interrupted; what was measured is kept

  go run makes 1 of every code but 0: scripts build the program first, go build ./cmd/mqttbench
`
