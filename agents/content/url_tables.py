"""Tables of `urls`: parameters that only track, and services that wrap somebody else's address.

Frozen together under IDENTITY_VERSION (`content/identity.py`): a name added here changes ids. A parameter belongs
here only when it never selects content. A false merge loses news for ever; a missed one costs a duplicate. So no
`sid`, `id`, `p`, `story`, `cid`, `ref`, `source` or `from` by name: some site numbers its articles with each of
them. Such names stand under the site that uses them for tracking, or with the one value that is a channel.
Names are lower case.
"""

from __future__ import annotations

import re


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


TRACKER_PREFIXES = (
    "utm_",  # Urchin, Google Analytics
    "mtm_",  # Matomo
    "hsa_",  # HubSpot ads
    "at_custom",  # AT Internet's free slots: at_custom1, at_custom2 ...
    "__cft__",  # Facebook, with an index: __cft__[0]
    "__xts__",
)

TRACKERS = _names(
    # Google
    "gclid gclsrc dclid gbraid wbraid gad_source gad_campaignid srsltid _ga _gl _gac"
    " ga_source ga_medium ga_term ga_content ga_campaign ga_place"
    # AMP viewers
    " amp_js_v amp_gsa usqp"
    # Facebook, Instagram
    " fbclid fb_action_ids fb_action_types fb_ref fb_source fb_comment_id action_object_map action_type_map"
    " action_ref_map mibextid __tn__ igshid igsh"
    # click identifiers of other networks
    " msclkid twclid ttclid yclid ysclid ymclid yadclid _openstat li_fat_id rdt_cid epik sccid irclickid"
    # Twitter's embeds
    " ref_src ref_url __twitter_impression"
    # AT Internet; the BBC's feeds carry at_medium=RSS and at_campaign=...
    " at_medium at_campaign at_campaign_type at_creation at_variant at_network at_format at_general_placement"
    " at_detail_placement at_emailtype at_recipient_id at_recipient_list at_link at_link_id at_link_type"
    " at_link_origin at_ptr_name at_ptr_type at_bbc_team xtor xtref"
    # comScore, Webtrekk, Webtrends, Adobe, Matomo under its old name, Cxense
    " ns_mchannel ns_source ns_campaign ns_linkname ns_fee wt_mc wt_zmc"
    " wt.mc_id wt.mc_ev wt.tsrc wt.rss_f wt.rss_a wt.rss_ev"
    " s_cid sc_cid s_kwcid ef_id pk_campaign pk_kwd pk_keyword pk_source pk_medium pk_content pk_cid"
    " piwik_campaign piwik_kwd piwik_keyword cx_testid cx_testvariant cx_artpos"
    # newsletters
    " mc_cid mc_eid mc_tc _hsenc _hsmi __hssc __hstc __hsfp hsctatracking mkt_tok vero_id vero_conv"
    " oly_anon_id oly_enc_id rb_clickid wickedid _bhlid ck_subscriber_id ml_subscriber ml_subscriber_hash dm_i"
    " spmailingid spuserid spjobid spreportid trk_contact trk_msg trk_module trk_sid"
    " elqtrackid elqtrack elqcampaignid elqaid elqat _kx nr_email_referer"
    " _branch_match_id _branch_referrer __readwiselocation"
    # campaigns inside a site
    " itm_source itm_medium itm_campaign itm_content itm_term hmb_campaign hmb_medium hmb_source"
    # Yahoo's consent page
    " guccounter guce_referrer guce_referrer_sig soc_src soc_trk"
    # WeChat and Bilibili append these to whatever is shared
    " isappinstalled spm_id_from vd_source"
    # session numbers of web frameworks: new on each fetch, and the page is the same
    " phpsessid jsessionid"
)

TRACKER_PAIRS = _names(
    # a name that may select content elsewhere, with a value that names the reader's way in
    "from=timeline from=singlemessage from=groupmessage from=rss ref=rss source=rss src=rss"
    " feature=feedly feature=youtu.be"
)
MEDIUM_FEED = "source=rss-"  # Medium on any publisher's own domain: source=rss----0123abcd---4

SITE_TRACKERS: dict[str, frozenset[str]] = {
    # key: a host or a domain above it
    host: _names(names)
    for hosts, names in {
        "bbc.com bbc.co.uk msn.com": "ocid",
        "dw.com": "maca",
        "nytimes.com": "partner emc smid smtyp campaign_id instance_id segment_id regi_id user_id",
        "reuters.com": "feedtype feedname virtualbrandchannel taid",
        "wsj.com marketwatch.com barrons.com": "mod reflink",  # Discuz forums select their pages with `mod`
        "theguardian.com cbc.ca": "cmp",
        "economist.com": "fsrc",
        "ft.com": "ftcamp segmentid",
        "washingtonpost.com": "wprss itid tid",
        "npr.org": "ft f",
        "bloomberg.com": "cmpid srnd sref",
        "cnbc.com": "__source",
        "cnn.com": "eref",
        "techcrunch.com aol.com huffpost.com engadget.com": "ncid",
        "yahoo.com": ".tsrc tsrc",
        "youtube.com youtu.be": "feature si ab_channel pp",
        "twitter.com x.com": "s t",
        "linkedin.com": "trk trackingid",
        "cctv.com cctv.cn aliyun.com alibaba.com 1688.com taobao.com tmall.com youku.com": "spm scm",
        "sohu.com": "spm scm _trans_",
        "qq.com": "pgv_ref",
        # an article here is __biz, mid, idx and sn
        "mp.weixin.qq.com": "chksm scene subscene ascene srcid sharer_sharetime sharer_shareid sharer_shareinfo"
        " pass_ticket exportkey enterid clicktime devicetype nettype wx_header mpshare from",
        "udn.com": "from",
        "chinatimes.com": "chdtv",
    }.items()
    for host in hosts.split()
}

QUERY_PROXIES: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    # host without `www.` -> (how the path starts, parameters that may hold the target)
    host: rules
    for hosts, rules in {
        "images.weserv.nl wsrv.nl": (("/", ("url",)),),
        "news.google.com": (("/news/url", ("url",)),),  # /rss/articles/ has a reader of its own
        "bing.com": (("/news/apiclick.aspx", ("url",)),),  # every link of Bing's news feeds
        "facebook.com l.facebook.com lm.facebook.com l.messenger.com": (("/l.php", ("u",)),),
        "l.instagram.com l.threads.net l.threads.com": (("/", ("u",)),),
        "youtube.com": (("/redirect", ("q",)),),
        "out.reddit.com": (("/", ("url",)),),
        "t.umblr.com": (("/redirect", ("z",)),),
        "steamcommunity.com": (("/linkfilter", ("u", "url")),),
        "vk.com away.vk.com": (("/away.php", ("to",)),),
        "slack-redir.net": (("/link", ("url",)),),
        "getpocket.com": (("/redirect", ("url",)),),
        "duckduckgo.com": (("/l/", ("uddg",)),),
        "external-content.duckduckgo.com proxy.duckduckgo.com": (("/iu/", ("u",)),),
        "link.zhihu.com link.juejin.cn link.csdn.net": (("/", ("target",)),),
        "link.jianshu.com": (("/", ("t",)),),
        "douban.com": (("/link2", ("url",)),),
        "weibo.cn": (("/sinaurl", ("u", "toasturl")),),
        "c.pc.qq.com": (("/", ("pfurl", "url")),),
        "mp.weixinbridge.com": (("/mp/wapredirect", ("url",)),),
    }.items()
    for host in hosts.split()
}

QUERY_PROXY_DOMAINS: tuple[tuple[str, str, str], ...] = (
    # (end of the host, start of the path, parameter)
    (".safelinks.protection.outlook.com", "/", "url"),
    (".fbcdn.net", "/safe_image.php", "url"),
)

SCHEMELESS = frozenset({"images.weserv.nl", "wsrv.nl"})
"""Proxies whose target may lack a scheme; they fetch it by http, and by https where it starts with `ssl:`."""

GOOGLE_HOST = re.compile(r"(?:www\.)?google\.(?:com?\.)?[a-z]{2,3}")
AMP_CACHES = (".cdn.ampproject.org", ".bing-amp.com")
AMP_CACHE = re.compile(r"/(?:c|v|i|r|wp|mbv|ii/w\d+)/(s/)?([^/]+\..*)")
AMP_VIEWER = re.compile(r"/amp/(s/)?([^/]+\..*)")
PHOTON_HOSTS = frozenset({"i0.wp.com", "i1.wp.com", "i2.wp.com", "i3.wp.com"})
PHOTON = re.compile(r"/([^/]+\.[^/]+/.+)")

IMAGE_QUERY_PATHS = ("/_next/image", "/_vercel/image", "/.netlify/images")
IMAGE_FETCH_HOSTS = frozenset({"res.cloudinary.com", "substackcdn.com", "cdn.substack.com"})
IMAGE_SOURCE = re.compile(r"/(https?(?::|%3A).+)", re.IGNORECASE)
IMAGE_RESIZE = re.compile(r"/cdn-cgi/image/[^/]+/(.+)")

ARTICLE_FRAGMENT = re.compile(r"(?:id|aid|nid|sid|newsid|news_id|articleid|article_id|docid)=[\w-]+", re.IGNORECASE)
"""Fragments that select an article where a site shows all of them in one document."""

FRONT_PAGES = frozenset(
    f"/{name}.{ending}"
    for name in ("index", "default", "home")
    for ending in ("html", "htm", "shtml", "php", "asp", "aspx", "jsp")
)
