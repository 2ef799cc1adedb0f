//! Numbers whose calls change after they were answered, and calls of Asterisk that say more than who calls:
//!
//! | number | what it does |
//! |---|---|
//! | 61x | logs `IDENTITY <number> NAME <name> PRES <presentation> PAI … RPID … PPI … PRIVACY … FROM …`, and is busy |
//! | 620 | answers and plays the tone for 3 s, then offers A-law alone by re-INVITE and echoes |
//! | 621 | the same by UPDATE |
//! | 630 | rings the agent; either side may be transferred by Asterisk's own features |
//! | 640 | answers, sends the digits 42# after a second, logs `SENT`, and plays the tone |
//! | 813 | answers, and after a second transfers the caller by REFER to 820 in place of the newest call of 820 |
//! | 814 | answers, and after a second transfers the caller by REFER to `tel:600`; logs `TRANSFER <status>` |
//! | 820 | answers, echoes and can be replaced |
//!
//! A call through the context `hidden` goes to the box as that of `to-box`, from somebody who is not to be shown; one
//! through `diverted` says that it was first for 12345 and carries User-to-User.

/// Added to the other extensions.
pub const MORE: &str = "\
[from-box](+)
exten => _1XXXX,1,Dial(PJSIP/${EXTEN}@agent,30)

exten => _61X,1,Log(NOTICE,IDENTITY ${CALLERID(num)} NAME ${CALLERID(name)} PRES ${CALLERID(pres)} PAI ${PJSIP_HEADER(read,P-Asserted-Identity)} RPID ${PJSIP_HEADER(read,Remote-Party-ID)} PPI ${PJSIP_HEADER(read,P-Preferred-Identity)} PRIVACY ${PJSIP_HEADER(read,Privacy)} FROM ${PJSIP_HEADER(read,From)})
 same => n,Hangup(17)

exten => 620,1,Answer()
 same => n,Playtones(1004)
 same => n,Wait(3)
 same => n,StopPlaytones()
 same => n,Set(PJSIP_MEDIA_OFFER(audio)=!all,alaw)
 same => n,Set(PJSIP_SEND_SESSION_REFRESH()=invite)
 same => n,Echo()

exten => 621,1,Answer()
 same => n,Playtones(1004)
 same => n,Wait(3)
 same => n,StopPlaytones()
 same => n,Set(PJSIP_MEDIA_OFFER(audio)=!all,alaw)
 same => n,Set(PJSIP_SEND_SESSION_REFRESH()=update)
 same => n,Echo()

exten => 630,1,Dial(PJSIP/agent,30,tT)

exten => 640,1,Answer()
 same => n,Wait(1)
 same => n,SendDTMF(42#)
 same => n,Log(NOTICE,SENT)
 same => n,Playtones(1004)
 same => n,Wait(600)

exten => 813,1,Answer()
 same => n,Wait(1)
 same => n,Transfer(PJSIP/<sip:820@127.0.0.1?Replaces=${REPLACES}>)
 same => n,Log(NOTICE,TRANSFER ${TRANSFERSTATUS})
 same => n,Wait(600)

exten => 814,1,Answer()
 same => n,Wait(1)
 same => n,Transfer(PJSIP/tel:600)
 same => n,Log(NOTICE,TRANSFER ${TRANSFERSTATUS})
 same => n,Wait(600)

exten => 820,1,Answer()
 same => n,Set(GLOBAL(REPLACES)=${CHANNEL(pjsip,call-id)}%3Bto-tag%3D${CHANNEL(pjsip,local_tag)}%3Bfrom-tag%3D${CHANNEL(pjsip,remote_tag)})
 same => n,Log(NOTICE,CONSULTED ${REPLACES})
 same => n,Echo()

[hidden]
exten => _[+0-9].,1,Set(number=${CUT(EXTEN,-,1)})
 same => n,Set(CALLERID(all)=Alice Example <4711>)
 same => n,Set(CALLERID(pres)=prohib)
 same => n,Dial(PJSIP/${number}@box,${CUT(EXTEN,-,2)})
 same => n,Hangup()

[diverted]
exten => _[+0-9].,1,Set(number=${CUT(EXTEN,-,1)})
 same => n,Set(CALLERID(all)=Alice Example <4711>)
 same => n,Set(REDIRECTING(from-num,i)=12345)
 same => n,Set(REDIRECTING(count,i)=1)
 same => n,Dial(PJSIP/${number}@box,${CUT(EXTEN,-,2)},b(diverted^uui^1))
 same => n,Hangup()
exten => uui,1,Set(PJSIP_HEADER(add,User-to-User)=${UUI})
 same => n,Return()
";
